import type { AclFeature } from '../../../lib/privileges/index.js';
import {
  exerciseCache,
  exerciseFencedWrites,
  exerciseLockReplicas,
  exerciseLocks,
  exerciseRateLimit,
  exerciseThrottler,
} from './exercise-coordination.js';
import { exerciseAudit, exerciseConnection, exerciseOidcProvider, exerciseStatistics } from './exercise-others.js';
import { exerciseExpiryNotices, exerciseSessions } from './exercise-sessions.js';
import {
  exerciseIntrospectionCache,
  exerciseMigration,
  exerciseMigrationSource,
  exerciseOAuth,
  exerciseTokens,
} from './exercise-tokens.js';
import type { Exercise } from './place.js';

/** By what each feature consists of, everything a user of it has to be granted is needed at least once. */
export const EXERCISES: Readonly<Record<AclFeature, Exercise>> = {
  sessions: exerciseSessions,
  'expiry-notices': exerciseExpiryNotices,
  tokens: exerciseTokens,
  oauth: exerciseOAuth,
  'introspection-cache': exerciseIntrospectionCache,
  'oidc-provider': exerciseOidcProvider,
  cache: exerciseCache,
  locks: exerciseLocks,
  'lock-replicas': exerciseLockReplicas,
  'fenced-writes': exerciseFencedWrites,
  'rate-limit': exerciseRateLimit,
  throttler: exerciseThrottler,
  statistics: exerciseStatistics,
  migration: exerciseMigration,
  audit: exerciseAudit,
  'migration-source': exerciseMigrationSource,
};

/** A feature needs others: what it works with. */
export const NEEDS: Partial<Record<AclFeature, readonly AclFeature[]>> = {
  'expiry-notices': ['sessions'],
  'lock-replicas': ['locks'],
};

/** What every feature does first. */
export async function exercise(feature: AclFeature, place: Parameters<Exercise>[0]): Promise<void> {
  await exerciseConnection(place);
  await EXERCISES[feature](place);
}
