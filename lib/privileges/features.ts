// Not through their doors, which load the packages that these are for.
import { oidcProviderPrivileges } from '../adapters/oidc-provider/privileges.js';
import { throttlerPrivileges } from '../adapters/throttler/privileges.js';
import { auditPrivileges } from '../audit/privileges.js';
import { cachePrivileges } from '../cache/index.js';
import { fencedWritePrivileges, lockPrivileges, lockReplicaPrivileges } from '../locks/index.js';
import { migrationPrivileges, migrationSourcePrivileges } from '../migration/index.js';
import { introspectionCachePrivileges, oauthPrivileges } from '../oauth/index.js';
import { statisticsPrivileges } from '../observability/index.js';
import { rateLimitPrivileges } from '../rate-limit/index.js';
import type { Privileges } from '../redis/index.js';
import { revocationPrivileges } from '../revocation/index.js';
import { expiryNoticePrivileges, sessionPrivileges } from '../sessions/index.js';
import { tokenPrivileges } from '../tokens/index.js';

/** What an application may use, each by itself, and what it has to be granted for that. */
export const FEATURES = {
  sessions: [sessionPrivileges, revocationPrivileges],
  'expiry-notices': [expiryNoticePrivileges],
  tokens: [tokenPrivileges],
  oauth: [oauthPrivileges],
  'introspection-cache': [introspectionCachePrivileges],
  'oidc-provider': [oidcProviderPrivileges],
  cache: [cachePrivileges],
  locks: [lockPrivileges],
  'lock-replicas': [lockReplicaPrivileges],
  'fenced-writes': [fencedWritePrivileges],
  'rate-limit': [rateLimitPrivileges],
  throttler: [throttlerPrivileges],
  statistics: [statisticsPrivileges],
  migration: [migrationPrivileges],
  audit: [auditPrivileges],
  'migration-source': [migrationSourcePrivileges],
} as const satisfies Record<string, readonly Privileges[]>;

/** One of the things that can be used by itself. */
export type AclFeature = keyof typeof FEATURES;

/** Every one of them. */
export const ACL_FEATURES = Object.keys(FEATURES) as readonly AclFeature[];

/** What the providers of the module use, each with its default options. */
export const USUAL_FEATURES: readonly AclFeature[] = ['sessions', 'tokens', 'oauth', 'cache', 'locks', 'rate-limit'];

export function privilegesOf(feature: AclFeature): readonly Privileges[] {
  return FEATURES[feature];
}
