import type { HttpRequest } from './http-request.js';

/** Name of the cookie that carries the access token: sent over TLS only, to this host only, for every path. */
export function accessCookieName(name: string): string {
  return `__Host-${name}`;
}

/** Name of the cookie that carries the refresh token: sent over TLS only; `__Host-` would forbid it a path. */
export function refreshCookieName(name: string): string {
  return `__Secure-${name}`;
}

/**
 * Every value that the Cookie header (RFC 6265, section 5.4) gives for exactly this name. Tokens need no
 * percent-encoding, so none is undone; quotes around a value are.
 */
export function cookieValues(request: HttpRequest, name: string): string[] {
  const header: string | string[] | undefined = request.headers.cookie;
  if (header === undefined) return [];
  const values: string[] = [];
  for (const pair of (Array.isArray(header) ? header.join(';') : header).split(';')) {
    const equals = pair.indexOf('=');
    if (equals < 0 || trimBlanks(pair.slice(0, equals)) !== name) continue;
    const value = trimBlanks(pair.slice(equals + 1));
    values.push(value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value);
  }
  return values;
}

/**
 * Space and tab only: a cookie named '\u00a0__Host-x', which any subdomain may set, is not '__Host-x', as trim()
 * would have it. A loop, since a regular expression would take quadratic time over a header full of blanks.
 */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
