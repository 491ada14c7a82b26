import { InvalidTokenError } from '../errors/index.js';
import type { Extractor, ResolvedGuardOptions } from '../options/index.js';
import { accessCookieName, cookieValues } from './cookie-header.js';
import { type HttpRequest, repeatsAuthorization } from './http-request.js';

/** Where a credential may be. */
export interface CredentialPlaces {
  /** Its headers and cookies; what an extractor of the application is given. */
  readonly request: HttpRequest;
  /** What the transport carries in the place of an Authorization header. */
  readonly authorization?: readonly unknown[];
  /** Access tokens that the transport carries beside headers, with or without `Bearer`. */
  readonly tokens?: readonly unknown[];
}

/** The access token of a request. */
export interface Credential {
  readonly token: string;
  /** It came by cookie alone: the browser sends it with whatever site's request. */
  readonly byCookieOnly: boolean;
}

type CredentialOptions = Pick<ResolvedGuardOptions, 'from' | 'cookieName'>;

/**
 * Looks in every source that is configured. The same token from two of them is one credential; null where there is none.
 *
 * @throws InvalidTokenError `malformed` for two differing tokens, or one that is no token at all
 */
export function findCredential(places: CredentialPlaces, options: CredentialOptions): Credential | null {
  let token: string | undefined;
  let byCookieOnly = true;
  for (const source of options.from) {
    for (const found of tokensFrom(source, places, options.cookieName)) {
      if (typeof found !== 'string' || (token !== undefined && token !== found)) throw new InvalidTokenError('malformed');
      token = found;
      byCookieOnly &&= source === 'cookie';
    }
  }
  return token === undefined ? null : { token, byCookieOnly };
}

/**
 * The token of `Authorization: Bearer …` as nearly every client writes it, for where `from` is `['bearer']`;
 * undefined is for {@link findCredential} to look at.
 */
export function plainBearer(request: HttpRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined || !authorization.startsWith('Bearer ') || repeatsAuthorization(request)) return undefined;
  return authorization.slice(7);
}

function tokensFrom(source: 'bearer' | 'cookie' | Extractor, places: CredentialPlaces, cookieName: string): readonly unknown[] {
  if (source === 'bearer') return bearerTokens(places);
  if (source === 'cookie') return cookieValues(places.request, accessCookieName(cookieName));
  const found: unknown = source(places.request);
  return found === null || found === undefined ? [] : [found];
}

/** Two Authorization headers are one too many, whatever they say. */
function bearerTokens({ request, authorization = [], tokens = [] }: CredentialPlaces): unknown[] {
  if (repeatsAuthorization(request)) throw new InvalidTokenError('malformed');
  return [
    ...[request.headers.authorization, ...authorization].flatMap((value) => (typeof value === 'string' ? tokensOfScheme(value) : [])),
    ...tokens.flatMap((value) => (typeof value === 'string' && BEARER.test(value) ? tokensOfScheme(value) : [value])),
  ];
}

const BEARER = /^bearer(?: +(.*))?$/is;

/** RFC 6750, section 2.1. Other schemes are none of ours. */
function tokensOfScheme(value: string): string[] {
  const [, credentials] = BEARER.exec(value) ?? [undefined, null];
  if (credentials === null) return [];
  if (credentials === undefined || !/^[^\s,]+$/.test(credentials)) throw new InvalidTokenError('malformed');
  return [credentials];
}
