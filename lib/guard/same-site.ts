import type { HttpRequest } from './http-request.js';

const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a request may be authenticated by cookie: a safe method, or the browser says that it comes from this
 * site. `Sec-Fetch-Site` decides where it is sent; else `Origin` must be the request's own. A client that sends
 * neither should use the Authorization header.
 */
export function isFromThisSite(request: HttpRequest): boolean {
  return SAFE_METHODS.has(request.method) || saysThisSite(request, [request.protocol ?? 'http']);
}

/**
 * The same for the request that opens a WebSocket: a GET, but nothing keeps another site's page from sending it and
 * talking over it as this user (cross-site WebSocket hijacking). A browser always says where it comes from there (RFC
 * 6455, section 10.2), so what says nothing is none. Where a proxy ends TLS, Node's own request, which is all there is
 * of it, does not know the scheme: there the authority alone is compared.
 */
export function isHandshakeFromThisSite(request: HttpRequest): boolean {
  const { origin, 'sec-fetch-site': fetchSite } = request.headers;
  if (origin === undefined && fetchSite === undefined) return true;
  const socket = (request.raw?.socket ?? request.socket) as { encrypted?: boolean } | undefined;
  return saysThisSite(request, socket?.encrypted === true ? ['https'] : ['http', 'https']);
}

function saysThisSite(request: HttpRequest, schemes: readonly string[]): boolean {
  const fetchSite = request.headers['sec-fetch-site'];
  if (fetchSite !== undefined) return fetchSite === 'same-origin' || fetchSite === 'same-site';
  const origin = request.headers.origin;
  if (origin === undefined) return false;
  const claimed = originOf(origin);
  const authority = request.host ?? request.headers.host ?? '';
  return claimed !== undefined && schemes.some((scheme) => claimed === originOf(`${scheme}://${authority}`));
}

/** Lower case, without a default port; undefined for what is no web origin. */
function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, origin } = new URL(url);
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined;
}
