import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { ClusterSetup } from '../../support/cluster.js';
import { captureLog } from '../../support/open-connection.js';
import { SentinelSetup } from '../../support/sentinel.js';
import { settledIn } from '../../support/settled-in.js';

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
        expect(await two.peek(key, rules)).toMatchObject({ allowed: false, retryAfter: expect.closeTo(3_600, -1) });
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

describe('while a node of a Cluster hangs', () => {
  const log = captureLog();

  it('none waits for it but the first, though the others go on answering', async () => {
    await using setup = await ClusterSetup.start();
    const limiter = new RateLimiter({ redis: setup.url, commandTimeout: 300 });
    const rule = { limit: 1_000_000, window: '1h' };
    let isBusy = true;
    const goOn = async (key: string): Promise<void> => {
      while (isBusy) {
        await limiter.consume(key, rule);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const hanging = await setup.masterOf('b:{hangs}');
    const others: string[] = [];
    for (let n = 0; others.length < 8; n++) {
      if ((await setup.masterOf(`b:{key-${n}}`)) !== hanging) others.push(`key-${n}`);
    }
    for (const key of ['hangs', ...others]) await limiter.consume(key, rule);
    const lanes = others.map(goOn);
    try {
      await hanging.pause();
      const asked = performance.now();
      await limiter.consume('hangs', rule);
      expect(performance.now() - asked).toBeGreaterThan(200);
      for (let n = 0; n < 100; n++) {
        expect((await settledIn(() => limiter.consume('hangs', rule))).ms).toBeLessThan(100);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(log.filter((line) => line.includes('cannot be asked for rate limits'))).toHaveLength(1);
    } finally {
      isBusy = false;
      await Promise.all(lanes);
      await limiter.close();
    }
  });
});
