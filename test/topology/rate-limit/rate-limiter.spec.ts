import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { ClusterSetup } from '../../support/cluster.js';
import { SentinelSetup } from '../../support/sentinel.js';

const topologies: Record<string, () => Promise<AsyncDisposable & { url: string }>> = {
  'Sentinels and replicas': () => SentinelSetup.start(),
  'a Cluster of three masters': () => ClusterSetup.start(),
};

describe.each(Object.keys(topologies))('rate limits on %s', (name) => {
  let setup: AsyncDisposable & { url: string };
  let one: RateLimiter;
  let two: RateLimiter;
  beforeAll(async () => {
    setup = await topologies[name]!();
    one = new RateLimiter({ redis: setup.url });
    two = new RateLimiter({ redis: setup.url });
  });
  afterAll(async () => {
    await one?.close();
    await two?.close();
    await setup?.[Symbol.asyncDispose]();
  });

  // enough keys that every master has some
  const keys = Array.from({ length: 12 }, (_, n) => `key-${n}`);
  const rules = [
    { limit: 3, window: '1h' },
    { limit: 4, window: '1m', algorithm: 'fixed' as const },
    { limit: 5, window: '1d', algorithm: 'sliding' as const },
  ];

  it('are shared by all instances, all of a key in one script', async () => {
    await Promise.all(
      keys.map(async (key) => {
        expect(await one.consume(key, { ...rules[0]!, requestId: 'a' })).toMatchObject({ limit: 3, remaining: 2 });
        expect(await two.consume(key, { ...rules[0]!, requestId: 'a' })).toMatchObject({ limit: 3, remaining: 2 });
        const results = await Promise.all([one, two, one, two].map((limiter) => limiter.consume(key, rules)));
        expect(results.filter(({ allowed }) => allowed)).toHaveLength(2);
        expect(results.map(({ limit }) => limit)).toEqual([3, 3, 3, 3]);
        expect(await two.penalty(key, rules)).toMatchObject({ allowed: false });
        expect(await one.reset(key)).toBe(true);
        await one.block(key, '1h');
        expect(await two.peek(key, rules)).toMatchObject({ allowed: false, retryAfter: 3600 });
        const attempt = await one.login({ account: key, ip: '10.0.0.1' });
        expect(attempt).toMatchObject({ allowed: true, limit: 10, remaining: 9 });
        await attempt.succeeded();
      }),
    );
  });

  it('and so are the hits of @nestjs/throttler', async () => {
    const [here, there] = [new RedisThrottlerStorage(one), new RedisThrottlerStorage(two)];
    for (const key of keys) {
      await here.increment(key, 60_000, 2, 0, 'default');
      await there.increment(key, 60_000, 2, 0, 'default');
      expect(await here.increment(key, 60_000, 2, 0, 'default')).toMatchObject({ totalHits: 3, isBlocked: true });
    }
  });
});
