import { deriveKey } from '../jwt/index.js';
import type { ResolvedJwtOptions, ResolvedSessionOptions } from '../options/index.js';
import { DEFAULT_KID } from './refresh-token.js';

/**
 * The MAC keys of refresh tokens: `sessions.refreshKeys`, else one per signing key. Each is bound to its purpose and
 * to the key prefix, so that a token of another registration with the same secret is forged here.
 */
export function refreshTokenKeys(
  jwt: ResolvedJwtOptions,
  sessions: ResolvedSessionOptions,
  namespace: string,
): { kid: string; key: Buffer }[] {
  const purpose = `refresh-token:${namespace}`;
  if (sessions.refreshKeys !== undefined) return sessions.refreshKeys.map(({ kid, secret }) => ({ kid, key: deriveKey(secret, purpose) }));
  return jwt.keys.flatMap(({ kid, signingKey }) =>
    signingKey === undefined ? [] : [{ kid: kid ?? DEFAULT_KID, key: deriveKey(signingKey, purpose) }],
  );
}
