import { Redis, type RedisOptions } from 'ioredis';
import { expect, inject, it } from 'vitest';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';

const CLIENTS: Record<
  string,
  Partial<Pick<RedisOptions, 'stringNumbers' | 'enableAutoPipelining' | 'showFriendlyErrorStack'>> & { protocol?: 2 | 3 }
> = {
  'that gives numbers as strings': { stringNumbers: true },
  'that speaks RESP2': { protocol: 2 },
  'with all of it': { protocol: 3, stringNumbers: true, enableAutoPipelining: true, showFriendlyErrorStack: true },
};

it.each(Object.entries(CLIENTS))("works the same over an application's client %s", async (_what, options) => {
  const client = new Redis(inject('redisUrl'), options);
  const limiter = new RateLimiter({ redis: client, keyPrefix: uniquePrefix(), commandTimeout: 10_000 });
  try {
    for (const algorithm of ['gcra', 'fixed', 'sliding'] as const) {
      const rule = { limit: 2, window: '1h', algorithm };
      expect(await limiter.consume('k', rule)).toMatchObject({ allowed: true, limit: 2, remaining: 1, retryAfter: 0 });
      expect((await limiter.peek('k', rule)).remaining).toBe(1);
      expect(await limiter.consume('k', [rule, { limit: 9, window: '1h' }])).toMatchObject({ allowed: true, limit: 2, remaining: 0 });
      expect(await limiter.consume('k', rule)).toMatchObject({ allowed: false, retryAfter: algorithm === 'gcra' ? 1800 : 3600 });
      expect(await limiter.reset('k')).toBe(true);
      expect(await limiter.reset('k')).toBe(false);
    }
    await limiter.block('k', '1m');
    expect(await limiter.consume('k', { limit: 1, window: 1 })).toMatchObject({ allowed: false, retryAfter: 60 });
    const storage = new RedisThrottlerStorage(limiter);
    await storage.increment('k', 60_000, 1, 0, 'default');
    expect(await storage.increment('k', 60_000, 1, 0, 'default')).toEqual({
      totalHits: 2,
      timeToExpire: 60,
      isBlocked: true,
      timeToBlockExpire: 60,
    });
  } finally {
    await limiter.close();
    client.disconnect();
  }
});
