import type { ResolvedJwtKey } from '../options/index.js';

/** The `typ` of an access token (RFC 9068). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** The first segment of every token signed by this key. */
export function encodeHeader(key: ResolvedJwtKey): string {
  const header = { alg: key.algorithm, typ: ACCESS_TOKEN_TYPE, ...(key.kid === undefined ? {} : { kid: key.kid }) };
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}
