import type { HttpRequest } from './http-request.js';

const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a request may be authenticated by cookie: a safe method, or the browser says that it comes from this
 * site. `Sec-Fetch-Site` decides where it is sent; else `Origin` must be the request's own. A client that sends
 * neither should use the Authorization header.
 */
export function isFromThisSite(request: HttpRequest): boolean {
  if (SAFE_METHODS.has(request.method)) return true;
  const fetchSite = request.headers['sec-fetch-site'];
  if (fetchSite !== undefined) return fetchSite === 'same-origin' || fetchSite === 'same-site';
  const origin = request.headers.origin;
  if (origin === undefined) return false;
  const claimed = originOf(origin);
  return claimed !== undefined && claimed === ownOrigin(request);
}

function ownOrigin(request: HttpRequest): string | undefined {
  return originOf(`${request.protocol ?? 'http'}://${request.host ?? request.headers.host ?? ''}`);
}

/** Lower case, without a default port; undefined for what is no web origin. */
function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, origin } = new URL(url);
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined;
}
