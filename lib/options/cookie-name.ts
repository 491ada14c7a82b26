/** `token` of RFC 6265, section 4.1.1. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]{1,128}$/;

/** What {@link isCookieName} asks for, to be told behind the name of an option. */
export const COOKIE_NAME_RULE =
  "must be a cookie name without its prefix (__Host-, __Secure-): letters, digits and !#$%&'*+-.^_`|~, at most 128 of them";

/** The prefixes, which browsers take in any case, are put before it by the package. */
export function isCookieName(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value) && !/^__(host|secure)-/i.test(value);
}
