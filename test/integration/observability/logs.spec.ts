import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  CacheAdapter,
  DistributedLock,
  RateLimiter,
  RedisAuthModule,
  RedisAuthStatus,
  SessionService,
  TokenStore,
} from 'nestjs-redis-auth';
import { expect, it } from 'vitest';
import { startRedis } from '../../../lib/testing/index.js';
import { captureLog } from '../../support/open-connection.js';
import { testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

it('1,000 calls of all services over an outage and the recovery leave one log line for each change of state', async () => {
  await using redis = await startRedis();
  const module = await Test.createTestingModule({
    imports: [
      RedisAuthModule.forRoot(
        testOptions({
          redis: redis.url,
          commandTimeout: 2_000,
          audit: 'off',
          sessions: { maxStaleness: '200 ms' },
          cache: { localMaxBytes: 0 },
        }),
      ),
    ],
  }).compile();
  const app = await module.init();
  const lines = captureLog();
  try {
    const [sessions, tokens, cache, locks, limiter] = [SessionService, TokenStore, CacheAdapter, DistributedLock, RateLimiter].map((type) =>
      app.get<unknown>(type),
    ) as [SessionService, TokenStore, CacheAdapter, DistributedLock, RateLimiter];
    const { accessToken } = await sessions.create('ann');
    const status = app.get(RedisAuthStatus);
    await until(() => status.look().state === 'up');
    await redis.kill();
    await until(() => status.look().reasons.includes('revocations-late') && lines.some((line) => line.includes('are not heard')));
    for (let round = 0; round < 100; round++) {
      await Promise.allSettled([
        ...Array.from({ length: 5 }, () => sessions.verify(accessToken)),
        sessions.create('ann'),
        tokens.create({ type: 'api', owner: 'ann' }),
        cache.getOrSet(`k${round}`, async () => 1, { ttl: '1m' }),
        locks.tryAcquire('k', { ttl: '1s' }),
        limiter.consume(`k${round}`, { limit: 9, window: '1m' }),
      ]);
    }
    expect(lines.map(kindOf).sort()).toEqual(['warn: Redis at', 'warn: Redis cannot', 'warn: cache.get: Redis', 'warn: revocations of']);

    await redis.restart();
    await until(async () => {
      await Promise.allSettled([sessions.verify(accessToken), cache.get('k'), limiter.consume('k', { limit: 9, window: '1m' })]);
      return lines.length >= 8;
    });
    for (let round = 0; round < 100; round++) {
      await Promise.allSettled([sessions.create('bob'), cache.set('k', 1, 60), limiter.consume('k', { limit: 9, window: '1m' })]);
    }
    expect(lines.slice(4).map(kindOf).sort()).toEqual(['log: Redis answers', 'log: Redis at', 'log: Redis keeps', 'log: revocations of']);
  } finally {
    await app.close();
    Logger.overrideLogger(false);
  }
});

function kindOf(line: string): string {
  return line.split(' ').slice(0, 3).join(' ').replace(/:$/, '');
}
