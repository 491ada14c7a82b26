import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_INSTANCE, instanceToken } from './options/index.js';
import { CacheAdapter } from './cache/index.js';
import { DistributedLock } from './locks/index.js';
import { TokenMigration } from './migration/index.js';
import { OAuthTokenStore } from './oauth/index.js';
import { RedisAuthStatus, StoreStatistics } from './observability/index.js';
import { RateLimiter } from './rate-limit/index.js';
import { RedisAuthConnection } from './redis/index.js';
import { SessionService } from './sessions/index.js';
import { TokenStore } from './tokens/index.js';

/** Injection token of the SessionService of an instance; that of the default instance is the class itself. */
export function getSessionServiceToken(instance: string = DEFAULT_INSTANCE): InjectionToken<SessionService> {
  return instance === DEFAULT_INSTANCE ? SessionService : instanceToken('sessions', instance);
}

/** Injects the SessionService of an instance: `constructor(@InjectSessionService('admin') sessions: SessionService)`. */
export function InjectSessionService(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getSessionServiceToken(instance));
}

/** Injection token of the RedisAuthConnection of an instance; that of the default instance is the class itself. */
export function getRedisAuthConnectionToken(instance: string = DEFAULT_INSTANCE): InjectionToken<RedisAuthConnection> {
  return instance === DEFAULT_INSTANCE ? RedisAuthConnection : instanceToken('connection', instance);
}

/** Injects the RedisAuthConnection of an instance. */
export function InjectRedisAuthConnection(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getRedisAuthConnectionToken(instance));
}

/** Injection token of the TokenStore of an instance; that of the default instance is the class itself. */
export function getTokenStoreToken(instance: string = DEFAULT_INSTANCE): InjectionToken<TokenStore> {
  return instance === DEFAULT_INSTANCE ? TokenStore : instanceToken('tokens', instance);
}

/** Injects the TokenStore of an instance. */
export function InjectTokenStore(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getTokenStoreToken(instance));
}

/** Injection token of the OAuthTokenStore of an instance; that of the default instance is the class itself. */
export function getOAuthTokenStoreToken(instance: string = DEFAULT_INSTANCE): InjectionToken<OAuthTokenStore> {
  return instance === DEFAULT_INSTANCE ? OAuthTokenStore : instanceToken('oauth', instance);
}

/** Injects the OAuthTokenStore of an instance. */
export function InjectOAuthTokenStore(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getOAuthTokenStoreToken(instance));
}

/** Injection token of the TokenMigration of an instance; that of the default instance is the class itself. */
export function getTokenMigrationToken(instance: string = DEFAULT_INSTANCE): InjectionToken<TokenMigration> {
  return instance === DEFAULT_INSTANCE ? TokenMigration : instanceToken('migration', instance);
}

/** Injects the TokenMigration of an instance. */
export function InjectTokenMigration(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getTokenMigrationToken(instance));
}

/** Injection token of the StoreStatistics of an instance; that of the default instance is the class itself. */
export function getStoreStatisticsToken(instance: string = DEFAULT_INSTANCE): InjectionToken<StoreStatistics> {
  return instance === DEFAULT_INSTANCE ? StoreStatistics : instanceToken('statistics', instance);
}

/** Injects the StoreStatistics of an instance. */
export function InjectStoreStatistics(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getStoreStatisticsToken(instance));
}

/** Injection token of the CacheAdapter of an instance; that of the default instance is the class itself. */
export function getCacheAdapterToken(instance: string = DEFAULT_INSTANCE): InjectionToken<CacheAdapter> {
  return instance === DEFAULT_INSTANCE ? CacheAdapter : instanceToken('cache', instance);
}

/** Injects the CacheAdapter of an instance. */
export function InjectCacheAdapter(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheAdapterToken(instance));
}

/** Injection token of the DistributedLock of an instance; that of the default instance is the class itself. */
export function getDistributedLockToken(instance: string = DEFAULT_INSTANCE): InjectionToken<DistributedLock> {
  return instance === DEFAULT_INSTANCE ? DistributedLock : instanceToken('locks', instance);
}

/** Injects the DistributedLock of an instance. */
export function InjectDistributedLock(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getDistributedLockToken(instance));
}

/** Injection token of the RateLimiter of an instance; that of the default instance is the class itself. */
export function getRateLimiterToken(instance: string = DEFAULT_INSTANCE): InjectionToken<RateLimiter> {
  return instance === DEFAULT_INSTANCE ? RateLimiter : instanceToken('rateLimit', instance);
}

/** Injects the RateLimiter of an instance. */
export function InjectRateLimiter(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getRateLimiterToken(instance));
}

/** Injection token of the RedisAuthStatus of an instance; that of the default instance is the class itself. */
export function getRedisAuthStatusToken(instance: string = DEFAULT_INSTANCE): InjectionToken<RedisAuthStatus> {
  return instance === DEFAULT_INSTANCE ? RedisAuthStatus : instanceToken('status', instance);
}

/** Injects the RedisAuthStatus of an instance. */
export function InjectRedisAuthStatus(instance?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getRedisAuthStatusToken(instance));
}
