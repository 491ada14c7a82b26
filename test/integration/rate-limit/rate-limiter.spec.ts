import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RateLimiter, type RateLimitAlgorithm } from '../../../lib/rate-limit/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandsDuring } from '../../support/commands.js';

let redis: TestRedis;
let limiter: RateLimiter;
beforeAll(async () => {
  redis = await startRedis();
  limiter = new RateLimiter({ redis: redis.url });
});
afterAll(async () => {
  await limiter.close();
  await redis.stop();
});

const ALGORITHMS: RateLimitAlgorithm[] = ['gcra', 'fixed', 'sliding'];

describe.each(ALGORITHMS)('%s', (algorithm) => {
  it('lets exactly the limit through', async () => {
    const key = `exact-${algorithm}`;
    const results = await Promise.all(Array.from({ length: 500 }, () => limiter.consume(key, { limit: 100, window: '1h', algorithm })));
    expect(results.filter(({ allowed }) => allowed)).toHaveLength(100);
    const { total } = await commandsDuring(redis, () => limiter.consume(key, { limit: 100, window: '1h', algorithm }));
    expect(total).toBe(0);
  });
});
