import { InvalidTokenError } from '../errors/index.js';
import { isText, type ResolvedJwtOptions } from '../options/index.js';
import { encodeIdentity, sessionBelongsTo, tenantHashOf } from '../redis/index.js';
import { RESERVED_CLAIMS } from './reserved-claims.js';
import { VerifiedToken } from './verified-token.js';

/** Of a user id, and of a tenant. */
const LONGEST_ID_BYTES = 256;

/**
 * Checks each claim of a payload whose signature is good, all but `exp` against the clock: a good signature
 * says who wrote it, not that it is an access token of this registration.
 *
 * @throws InvalidTokenError `invalid`
 */
export function readAccessTokenClaims(
  payload: Record<string, unknown>,
  jwt: ResolvedJwtOptions,
  namespace: string,
  now: number,
): VerifiedToken {
  const { iss, sub, aud, exp, nbf, iat, jti, sid, scope, auth_time: authTime, tenant, ns } = payload;
  const latest = (now + jwt.clockToleranceMs) / 1000;
  if (
    iss !== jwt.issuer ||
    !namesOneOf(aud, jwt.audience) ||
    ns !== namespace ||
    !isText(sub, LONGEST_ID_BYTES) ||
    (tenant !== undefined && !isText(tenant, LONGEST_ID_BYTES)) ||
    typeof sid !== 'string' ||
    typeof jti !== 'string' ||
    jti === '' ||
    (scope !== undefined && typeof scope !== 'string') ||
    !isNumericDate(iat) ||
    iat > latest ||
    (authTime !== undefined && !(isNumericDate(authTime) && authTime <= latest)) ||
    !isNumericDate(exp) ||
    (nbf !== undefined && !(isNumericDate(nbf) && nbf <= latest))
  ) {
    throw new InvalidTokenError('invalid');
  }
  const identity = encodeIdentity(tenant === undefined ? { userId: sub } : { userId: sub, tenant });
  if (!sessionBelongsTo(sid, identity, tenant)) throw new InvalidTokenError('invalid');
  return new VerifiedToken({
    userId: sub,
    tenant,
    identity,
    tenantHash: tenantHashOf(sid),
    sessionId: sid,
    tokenId: jti,
    scopes: scope === undefined ? [] : scope.split(' ').filter((name) => name !== ''),
    claims: ownClaims(payload),
    issuedAtMs: iat * 1000,
    expiresAtMs: exp * 1000,
    authTimeMs: (authTime ?? iat) * 1000,
  });
}

/** What is not a registered name; undefined where there is nothing else. */
function ownClaims(payload: Record<string, unknown>): Record<string, unknown> | undefined {
  let claims: Record<string, unknown> | undefined;
  for (const name of Object.keys(payload)) {
    if (RESERVED_CLAIMS.has(name)) continue;
    claims ??= {};
    // an assignment to `__proto__` would set no property
    Object.defineProperty(claims, name, { value: payload[name], writable: true, enumerable: true, configurable: true });
  }
  return claims;
}

function namesOneOf(aud: unknown, accepted: readonly string[]): boolean {
  if (typeof aud === 'string') return accepted.includes(aud);
  return Array.isArray(aud) && aud.every((name) => typeof name === 'string') && aud.some((name) => accepted.includes(name));
}

/** Seconds that a Date can hold; refuses Infinity, as JSON's 1e400 reads. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e12;
}
