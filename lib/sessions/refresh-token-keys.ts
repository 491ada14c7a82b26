import { type DerivedKey, derivedKeys, deriveKey } from '../jwt/index.js';
import type { ResolvedJwtOptions, ResolvedSessionOptions } from '../options/index.js';

/**
 * The MAC keys of refresh tokens: `sessions.refreshKeys`, else one per signing key. Each is bound to its purpose and
 * to the key prefix, so that a token of another registration with the same secret is forged here.
 */
export function refreshTokenKeys(jwt: ResolvedJwtOptions, sessions: ResolvedSessionOptions, namespace: string): DerivedKey[] {
  const purpose = `refresh-token:${namespace}`;
  if (sessions.refreshKeys === undefined) return derivedKeys(jwt, purpose);
  return sessions.refreshKeys.map(({ kid, secret }) => ({ kid, key: deriveKey(secret, purpose) }));
}
