import { InvalidTokenError } from '../errors/index.js';
import type { Extractor, ResolvedGuardOptions } from '../options/index.js';
import { accessCookieName, cookieValues } from './cookie-header.js';
import { headerValues, type HttpRequest } from './http-request.js';

/** The access token of a request. */
export interface Credential {
  readonly token: string;
  /** It came by cookie alone: the browser sends it with whatever site's request. */
  readonly byCookieOnly: boolean;
}

/**
 * Looks in every source that is configured. The same token from two of them is one credential; null where there is none.
 *
 * @throws InvalidTokenError `malformed` for two differing tokens, or one that is no token at all
 */
export function findCredential(request: HttpRequest, options: Pick<ResolvedGuardOptions, 'from' | 'cookieName'>): Credential | null {
  let token: string | undefined;
  let byCookieOnly = true;
  for (const source of options.from) {
    for (const found of tokensFrom(source, request, options.cookieName)) {
      if (typeof found !== 'string' || (token !== undefined && token !== found)) throw new InvalidTokenError('malformed');
      token = found;
      byCookieOnly &&= source === 'cookie';
    }
  }
  return token === undefined ? null : { token, byCookieOnly };
}

function tokensFrom(source: 'bearer' | 'cookie' | Extractor, request: HttpRequest, cookieName: string): readonly unknown[] {
  if (source === 'bearer') return bearerTokens(request);
  if (source === 'cookie') return cookieValues(request, accessCookieName(cookieName));
  const found: unknown = source(request);
  return found === null || found === undefined ? [] : [found];
}

/** RFC 6750, section 2.1. Other schemes are none of ours; two Authorization headers are one too many, whatever they say. */
function bearerTokens(request: HttpRequest): string[] {
  const values = headerValues(request, 'authorization');
  if (values.length > 1) throw new InvalidTokenError('malformed');
  const [, credentials] = /^bearer(?: +(.*))?$/is.exec(values[0] ?? '') ?? [undefined, null];
  if (credentials === null) return [];
  if (credentials === undefined || !/^[^\s,]+$/.test(credentials)) throw new InvalidTokenError('malformed');
  return [credentials];
}
