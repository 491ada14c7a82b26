import type { Provider, Type } from '@nestjs/common';
import { CacheAdapter } from './cache/index.js';
import { derivedKeys } from './jwt/index.js';
import { DistributedLock } from './locks/index.js';
import { TokenMigration } from './migration/index.js';
import { encryptionKeyPurpose, OAuthTokenStore } from './oauth/index.js';
import { RedisAuthStatus, StoreStatistics } from './observability/index.js';
import { type InstancePart, instanceToken, type ResolvedOptions } from './options/index.js';
import { RateLimiter } from './rate-limit/index.js';
import type { RedisAuthConnection } from './redis/index.js';
import type { SessionService } from './sessions/index.js';
import { tokenKeyPurpose, TokenStore, type TokenStoreParts } from './tokens/index.js';

interface Store<T> {
  readonly part: InstancePart;
  readonly type: Type<T>;
  readonly make: (connection: RedisAuthConnection, options: ResolvedOptions) => T;
}

/** What a registration provides besides its sessions: each made of the connection that all of it shares. */
const STORES: readonly Store<unknown>[] = [
  { part: 'tokens', type: TokenStore, make: (...from) => new TokenStore(tokenParts(...from)) },
  { part: 'migration', type: TokenMigration, make: (...from) => new TokenMigration(tokenParts(...from)) },
  {
    part: 'oauth',
    type: OAuthTokenStore,
    make: (connection, { jwt, keyPrefix, oauth }) =>
      new OAuthTokenStore({ connection, keyPrefix, oauth, keys: derivedKeys(jwt, encryptionKeyPurpose(keyPrefix)) }),
  },
  { part: 'cache', type: CacheAdapter, make: (connection, { keyPrefix, cache }) => new CacheAdapter({ connection, keyPrefix, cache }) },
  {
    part: 'locks',
    type: DistributedLock,
    make: (connection, { keyPrefix, locks }) => new DistributedLock({ connection, keyPrefix, locks }),
  },
  {
    part: 'rateLimit',
    type: RateLimiter,
    make: (connection, { keyPrefix, rateLimit }) => new RateLimiter({ connection, keyPrefix, rateLimit }),
  },
  { part: 'statistics', type: StoreStatistics, make: (connection, { keyPrefix }) => new StoreStatistics({ connection, keyPrefix }) },
];

export function storeProviders(instance: string): Provider[] {
  const stores = STORES.map(({ part, make }) => ({
    provide: instanceToken(part, instance),
    inject: [instanceToken('connection', instance), instanceToken('options', instance)],
    useFactory: make,
  }));
  return [...stores, statusProvider(instance)];
}

/** How all the others are. */
function statusProvider(instance: string): Provider {
  return {
    provide: instanceToken('status', instance),
    inject: (['connection', 'sessions', 'cache', 'rateLimit'] as const).map((part) => instanceToken(part, instance)),
    useFactory: (connection: RedisAuthConnection, sessions: SessionService, cache: CacheAdapter, limiter: RateLimiter) =>
      new RedisAuthStatus({ instance, connection, sessions, cache, limiter }),
  };
}

export function storeExports(instance: string): string[] {
  return [...STORES.map(({ part }) => instanceToken(part, instance)), instanceToken('status', instance)];
}

/** Those of the default instance are injected by class, too. */
export function storeAliases(): Provider[] {
  const stores = STORES.map(({ part, type }) => ({ provide: type, useExisting: instanceToken(part) }));
  return [...stores, { provide: RedisAuthStatus, useExisting: instanceToken('status') }];
}

function tokenParts(connection: RedisAuthConnection, { jwt, keyPrefix, tokens }: ResolvedOptions): TokenStoreParts {
  return { connection, keyPrefix, tokens, keys: derivedKeys(jwt, tokenKeyPurpose(keyPrefix)) };
}
