import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import * as library from 'nestjs-redis-auth';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { testOptions } from '../support/sessions.js';

/** What a registration provides, and by what it is had. */
const PROVIDED = [
  [library.SessionService, library.getSessionServiceToken, library.InjectSessionService],
  [library.RedisAuthConnection, library.getRedisAuthConnectionToken, library.InjectRedisAuthConnection],
  [library.TokenStore, library.getTokenStoreToken, library.InjectTokenStore],
  [library.OAuthTokenStore, library.getOAuthTokenStoreToken, library.InjectOAuthTokenStore],
  [library.TokenMigration, library.getTokenMigrationToken, library.InjectTokenMigration],
  [library.StoreStatistics, library.getStoreStatisticsToken, library.InjectStoreStatistics],
  [library.CacheAdapter, library.getCacheAdapterToken, library.InjectCacheAdapter],
  [library.DistributedLock, library.getDistributedLockToken, library.InjectDistributedLock],
  [library.RateLimiter, library.getRateLimiterToken, library.InjectRateLimiter],
] as const;

let module: TestingModule;
beforeAll(async () => {
  const options = () => ({ ...testOptions({ redis: inject('redisUrl') }), isGlobal: true });
  const providers = PROVIDED.map(([provided, , by]) => {
    @Injectable()
    class Holder {
      @by() readonly ours: unknown;
      @by('admin') readonly theirs: unknown;
    }
    return { provide: `holder of ${provided.name}`, useClass: Holder };
  });
  const imports = [library.RedisAuthModule.forRoot(options()), library.RedisAuthModule.forRoot({ ...options(), instance: 'admin' })];
  module = await Test.createTestingModule({ imports, providers }).compile();
  await module.init();
});
afterAll(() => module.close());

it.for(PROVIDED.map((row) => [row[0].name, row] as const))(
  '%s is injected by its class and by its decorator, and from a named instance',
  ([name, [provided, tokenOf]]) => {
    const { ours, theirs } = module.get<{ ours: unknown; theirs: unknown }>(`holder of ${name}`);
    expect(ours).toBeInstanceOf(provided);
    expect(theirs).toBeInstanceOf(provided);
    expect(theirs).not.toBe(ours);
    for (const token of [provided, tokenOf()]) expect(module.get(token, { strict: false })).toBe(ours);
    expect(module.get(tokenOf('admin'), { strict: false })).toBe(theirs);
  },
);
