import { Controller, Get, type INestApplication } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { seconds, ThrottlerGuard, ThrottlerModule, ThrottlerStorageService } from '@nestjs/throttler';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandsDuring } from '../../support/commands.js';
import { CommandMonitor } from '../../support/monitor.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let limiter: RateLimiter;
let storage: RedisThrottlerStorage;
beforeAll(async () => {
  redis = await startRedis();
  limiter = new RateLimiter({ redis: redis.url, commandTimeout: 10_000 });
  storage = new RedisThrottlerStorage(limiter);
});
afterAll(async () => {
  expect(await withoutTtl(redis)).toEqual([]);
  await storage.onApplicationShutdown();
  await limiter.close();
  await redis.stop();
});

let count = 0;

describe('RedisThrottlerStorage', () => {
  it.each([
    ['without a time to block', 0],
    ['with a time to block', 30_000],
  ])('counts as the storage in memory does, %s', async (_name, blockDuration) => {
    const memory = new ThrottlerStorageService();
    const key = `same-${++count}`;
    try {
      for (let n = 0; n < 8; n++) {
        const [ours, theirs] = await Promise.all([storage, memory].map((one) => one.increment(key, 60_000, 4, blockDuration, 'default')));
        // Theirs tells how long ago 1970 was where nothing is blocked.
        expect(ours).toEqual({ ...theirs, timeToBlockExpire: Math.max(0, theirs!.timeToBlockExpire) });
      }
    } finally {
      memory.onApplicationShutdown();
    }
  });

  it('counts each hit for ttl from its own moment', async () => {
    const key = `sliding-${++count}`;
    const hit = (limit = 2) => storage.increment(key, 3_000, limit, 0, 'default');
    expect((await hit()).totalHits).toBe(1);
    const begun = performance.now();
    await until(() => performance.now() - begun > 1_100);
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: false });
    expect(await hit()).toMatchObject({ totalHits: 3, isBlocked: true, timeToBlockExpire: 2 });
    await until(async () => !(await hit()).isBlocked);
    // The second one still counts beside the new one.
    expect(await hit()).toMatchObject({ totalHits: 3, isBlocked: true });
  });

  it('begins anew after a block', async () => {
    const key = `block-${++count}`;
    const hit = () => storage.increment(key, 60_000, 1, 2_000, 'default');
    await hit();
    expect(await hit()).toEqual({ totalHits: 2, timeToExpire: 60, isBlocked: true, timeToBlockExpire: 2 });
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: true });
    await until(async () => !(await hit()).isBlocked);
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: true });
  });

  it('lets exactly the limit through, one command a hit, and keeps names apart', async () => {
    const key = `exact-${++count}`;
    const { result, total } = await commandsDuring(redis, () =>
      Promise.all(Array.from({ length: 100 }, () => storage.increment(key, 60_000, 30, 0, 'default'))),
    );
    expect(result.filter(({ isBlocked }) => !isBlocked)).toHaveLength(30);
    expect(total).toBeLessThanOrEqual(101);
    expect((await storage.increment(key, 60_000, 30, 0, 'other')).totalHits).toBe(1);
  });

  it('refuses what is no number before any command', async () => {
    await using monitor = await CommandMonitor.start(redis);
    await expect(storage.increment('k', Number.NaN, 1, 0, 'd')).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(storage.increment('k', 1, Number.NaN, 0, 'd')).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(storage.increment('k', 1, 1, -1, 'd')).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(storage.increment('', 1, 1, 0, 'd')).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(await monitor.commands()).toEqual([]);
  });

  it('counts in memory while Redis is away', async () => {
    await using own = await startRedis({ port: 'tcp' });
    const alone = new RedisThrottlerStorage({ redis: own.url, instances: 2 });
    try {
      await alone.increment('k', 60_000, 6, 0, 'default');
      await own.kill();
      const results = [];
      for (let n = 0; n < 5; n++) results.push((await alone.increment('k', 60_000, 6, 0, 'default')).isBlocked);
      expect(results).toEqual([false, false, false, true, true]);
      expect(await alone.increment('nobody', 60_000, 0, 0, 'default')).toMatchObject({ isBlocked: true });
    } finally {
      await alone.onApplicationShutdown();
    }
  });
});

@Controller()
class HelloController {
  @Get('hello')
  hello(): string {
    return 'hello';
  }
}

it('two applications with ThrottlerGuard share one limit', async () => {
  const apps: INestApplication[] = [];
  try {
    for (let n = 0; n < 2; n++) {
      const module = await Test.createTestingModule({
        imports: [
          ThrottlerModule.forRoot({
            throttlers: [{ ttl: seconds(60), limit: 3, blockDuration: 0 }],
            storage: new RedisThrottlerStorage(limiter),
          }),
        ],
        controllers: [HelloController],
        providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
      }).compile();
      const app = module.createNestApplication();
      app.useLogger(false);
      await app.init();
      apps.push(app);
    }
    const answers = [];
    for (let n = 0; n < 5; n++) answers.push(await request(apps[n % 2]!.getHttpServer() as never).get('/hello'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(answers[1]!.headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '1' });
    expect(Number(answers[3]!.headers['retry-after'])).toBeGreaterThan(55);
  } finally {
    for (const app of apps) await app.close();
  }
});
