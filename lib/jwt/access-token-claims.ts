import { InvalidTokenError } from '../errors/index.js';
import { isText, type ResolvedJwtOptions, type VerifiedSession } from '../options/index.js';
import { sessionBelongsTo } from '../redis/index.js';

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
): VerifiedSession {
  // The rest takes `__proto__` as the plain property it is in JSON.
  const {
    iss,
    sub,
    aud,
    exp,
    nbf,
    iat,
    jti,
    sid,
    scope,
    client_id: _,
    auth_time: authTime,
    tenant,
    ns,
    cnf: _cnf,
    act: _act,
    ...claims
  } = payload;
  const latest = (now + jwt.clockToleranceMs) / 1000;
  if (
    iss !== jwt.issuer ||
    !namesOneOf(aud, jwt.audience) ||
    ns !== namespace ||
    !isText(sub, LONGEST_ID_BYTES) ||
    (tenant !== undefined && !isText(tenant, LONGEST_ID_BYTES)) ||
    typeof sid !== 'string' ||
    !sessionBelongsTo(sid, sub, tenant) ||
    typeof jti !== 'string' ||
    jti === '' ||
    (scope !== undefined && typeof scope !== 'string') ||
    !isNumericDate(iat) ||
    iat > latest ||
    (authTime !== undefined && !(isNumericDate(authTime) && authTime <= iat)) ||
    !isNumericDate(exp) ||
    (nbf !== undefined && !(isNumericDate(nbf) && nbf <= latest))
  ) {
    throw new InvalidTokenError('invalid');
  }
  return {
    userId: sub,
    sessionId: sid,
    ...(tenant === undefined ? {} : { tenant }),
    claims,
    scopes: scope === undefined ? [] : scope.split(' ').filter((name) => name !== ''),
    issuedAt: new Date(iat * 1000),
    expiresAt: new Date(exp * 1000),
    ttl: Math.max(0, Math.floor(exp - now / 1000)),
    authTime: new Date((authTime ?? iat) * 1000),
  };
}

function namesOneOf(aud: unknown, accepted: readonly string[]): boolean {
  if (typeof aud === 'string') return accepted.includes(aud);
  return Array.isArray(aud) && aud.every((name) => typeof name === 'string') && aud.some((name) => accepted.includes(name));
}

/** Seconds that a Date can hold; refuses Infinity, as JSON's 1e400 reads. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e12;
}
