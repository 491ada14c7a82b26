import { InvalidArgumentError, InvalidTokenError } from '../errors/index.js';
import { COOKIE_NAME_RULE, isCookieName } from '../options/index.js';
import type { SessionTokens } from '../sessions/index.js';
import { crossSiteRequest } from './auth-http-exception.js';
import { accessCookieName, cookieValues, refreshCookieName } from './cookie-header.js';
import type { HttpRequest } from './http-request.js';
import { appendCookie, type HttpResponse } from './http-response.js';
import { isFromThisSite } from './same-site.js';

/** Names and path of the two cookies. */
export interface AuthCookieOptions {
  /** Of the access token, without its `__Host-`; the same as `guard.cookie.name`. @default 'access_token' */
  name?: string;
  /** Of the refresh token, without its `__Secure-`. @default 'refresh_token' */
  refreshName?: string;
  /** Where the refresh token is sent to: the path of the routes that refresh and log out. @default '/auth' */
  refreshPath?: string;
}

/**
 * Puts the tokens of a session into cookies, to be kept as long as the tokens live: `__Host-<name>` (path `/`)
 * and `__Secure-<refreshName>` (path `refreshPath`), both HttpOnly, Secure, SameSite=Lax. Cookies set before
 * are kept. The guard reads the first where `guard.from` has `'cookie'`.
 *
 * @param response of Express, or reply of Fastify
 * @throws InvalidArgumentError for a name or path that no cookie can have
 */
export function setAuthCookies(
  response: HttpResponse,
  tokens: Pick<SessionTokens, 'accessToken' | 'accessTokenExpiresAt' | 'refreshToken' | 'refreshTokenExpiresAt'> & Partial<SessionTokens>,
  options: AuthCookieOptions = {},
): void {
  const { access, refresh, refreshPath } = resolve(options);
  appendCookie(response, serialize(access, tokens.accessToken, '/', tokens.accessTokenExpiresAt));
  appendCookie(response, serialize(refresh, tokens.refreshToken, refreshPath, refreshEnd(tokens)));
}

/** Makes the browser forget both cookies; takes the options that {@link setAuthCookies} was given. Ends no session. */
export function clearAuthCookies(response: HttpResponse, options: AuthCookieOptions = {}): void {
  const { access, refresh, refreshPath } = resolve(options);
  appendCookie(response, serialize(access, '', '/', new Date(0)));
  appendCookie(response, serialize(refresh, '', refreshPath, new Date(0)));
}

/**
 * The refresh token that {@link setAuthCookies} left with the browser; null where there is none.
 *
 * @throws InvalidTokenError `malformed` where the browser sends two that differ
 * @throws AuthHttpException 403 `csrf` where a method other than GET, HEAD or OPTIONS does not come from this site, as in the guard
 */
export function readRefreshCookie(request: HttpRequest, options: Pick<AuthCookieOptions, 'refreshName'> = {}): string | null {
  const [token, ...others] = new Set(cookieValues(request, resolve(options).refresh));
  if (others.length > 0) throw new InvalidTokenError('malformed');
  if (token === undefined) return null;
  if (!isFromThisSite(request)) throw crossSiteRequest();
  return token;
}

function resolve({ name = 'access_token', refreshName = 'refresh_token', refreshPath = '/auth' }: AuthCookieOptions): {
  access: string;
  refresh: string;
  refreshPath: string;
} {
  assertCookieName('options.name', name);
  assertCookieName('options.refreshName', refreshName);
  if (typeof refreshPath !== 'string' || !COOKIE_PATH.test(refreshPath)) {
    throw new InvalidArgumentError('options.refreshPath', 'must be a path that starts with / and holds no semicolon or control character');
  }
  return { access: accessCookieName(name), refresh: refreshCookieName(refreshName), refreshPath };
}

function assertCookieName(argument: string, name: unknown): void {
  if (!isCookieName(name)) throw new InvalidArgumentError(argument, COOKIE_NAME_RULE);
}

/** By this process's clock, as everything in a cookie; that of the server may show another time. */
function refreshEnd({ refreshExpiresIn, refreshTokenExpiresAt }: Parameters<typeof setAuthCookies>[1]): Date {
  return refreshExpiresIn === undefined ? refreshTokenExpiresAt : new Date(Date.now() + refreshExpiresIn * 1000);
}

/** `path-value` of RFC 6265, section 4.1.1. */
const COOKIE_PATH = /^\/[\x20-\x3a\x3c-\x7e]{0,1023}$/;

function serialize(name: string, value: string, path: string, expires: Date): string {
  const maxAge = Math.max(0, Math.floor((expires.getTime() - Date.now()) / 1000));
  return `${name}=${value}; Max-Age=${maxAge}; Path=${path}; Expires=${expires.toUTCString()}; HttpOnly; Secure; SameSite=Lax`;
}
