import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import type { Adapter } from 'oidc-provider';
import { RedisAuthKeyvStore } from '../../../lib/adapters/keyv/index.js';
import { oidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { CacheAdapter } from '../../../lib/cache/index.js';
import { JwtAuthGuard } from '../../../lib/guard/index.js';
import { DistributedLock } from '../../../lib/locks/index.js';
import { TokenMigration } from '../../../lib/migration/index.js';
import {
  IntrospectionCache,
  OAuthTokenStore,
  RedisAuthOAuthModule,
  TokenIntrospection,
  TokenRevocation,
} from '../../../lib/oauth/index.js';
import { RedisAuthStatus, StoreStatistics } from '../../../lib/observability/index.js';
import type { RedisAuthModuleOptions, RedisConnection } from '../../../lib/options/index.js';
import { RateLimiter, RateLimitGuard } from '../../../lib/rate-limit/index.js';
import { RedisAuthConnection } from '../../../lib/redis/index.js';
import { RedisAuthModule } from '../../../lib/redis-auth.module.js';
import { SessionService } from '../../../lib/sessions/index.js';
import { type TokenKind, TokenStore } from '../../../lib/tokens/index.js';
import { TEST_SECRET } from '../sessions.js';

/** What one instance provides, all of it over one connection, as the module makes it. */
export interface Services {
  /** Where it keeps everything, for what is made by hand beside it. */
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  readonly sessions: SessionService;
  readonly tokens: TokenStore;
  readonly kind: TokenKind;
  readonly oauth: OAuthTokenStore;
  readonly revocation: TokenRevocation;
  readonly introspection: TokenIntrospection;
  readonly introspected: IntrospectionCache;
  readonly cache: CacheAdapter;
  readonly keyv: RedisAuthKeyvStore;
  readonly locks: DistributedLock;
  readonly limiter: RateLimiter;
  readonly throttler: RedisThrottlerStorage;
  readonly statistics: StoreStatistics;
  readonly status: RedisAuthStatus;
  readonly migration: TokenMigration;
  readonly connection: RedisAuthConnection;
  readonly guard: JwtAuthGuard;
  readonly rateLimitGuard: RateLimitGuard;
  readonly oidc: (model: string) => Adapter;
  /** As an application that is shut down. */
  close(): Promise<void>;
}

/** Types of opaque tokens that introspection and revocation serve. */
export const SERVED_TYPE = 'served';

/** The time that {@link RateLimiter} gives an instance by itself: so much of each limit. */
export const INSTANCES = 2;

/** Boots an application without a server, of which these are the providers. */
export async function openServices(options: RedisAuthModuleOptions & { redis: RedisConnection; keyPrefix: string }): Promise<Services> {
  const auth = RedisAuthModule.forRoot({ rateLimit: { instances: INSTANCES }, ...options });
  const oauth = RedisAuthOAuthModule.register({ imports: [auth], tokenTypes: [SERVED_TYPE], public: true });

  @Module({ imports: [auth, oauth] })
  class App {}

  const app = await NestFactory.createApplicationContext(App, { abortOnError: false });
  try {
    return provided(app, options.redis, options.keyPrefix);
  } catch (error) {
    await app.close();
    throw error;
  }
}

function provided(app: INestApplicationContext, redis: RedisConnection, keyPrefix: string): Services {
  const connection = app.get(RedisAuthConnection);
  const tokens = app.get(TokenStore);
  const limiter = app.get(RateLimiter);
  const throttler = new RedisThrottlerStorage(limiter);
  return {
    redis,
    keyPrefix,
    connection,
    tokens,
    kind: tokens.kind({ type: 'kind', ttl: '1h' }),
    sessions: app.get(SessionService),
    oauth: app.get(OAuthTokenStore),
    revocation: app.get(TokenRevocation, { strict: false }),
    introspection: app.get(TokenIntrospection, { strict: false }),
    introspected: app.get(IntrospectionCache, { strict: false }),
    cache: app.get(CacheAdapter),
    keyv: new RedisAuthKeyvStore(app.get(CacheAdapter)),
    locks: app.get(DistributedLock),
    limiter,
    throttler,
    statistics: app.get(StoreStatistics),
    status: app.get(RedisAuthStatus),
    migration: app.get(TokenMigration),
    guard: app.get(JwtAuthGuard),
    rateLimitGuard: new RateLimitGuard(limiter, new Reflector()),
    oidc: oidcProviderAdapter(connection, { keyPrefix, secret: TEST_SECRET }),
    async close() {
      await throttler.onApplicationShutdown();
      await app.close();
    },
  };
}
