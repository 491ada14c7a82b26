import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedLock } from '../../lib/locks/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let first: DistributedLock;
let second: DistributedLock;
beforeAll(async () => {
  redis = await startRedis();
  first = new DistributedLock({ redis: redis.url });
  second = new DistributedLock({ redis: redis.url });
});
afterAll(async () => {
  await Promise.all([first.close(), second.close()]);
  await redis.stop();
});

describe('S10 an ex-holder', () => {
  it.each([
    ['a key', 'cleanup'],
    ['several keys', { group: 'cleanup', keys: ['a', 'b'] }],
  ])('S10 that releases late does not free the next holder’s lock: %s', async (_name, target) => {
    const late = (await first.tryAcquire(target, { ttl: '50 ms' }))!;
    const next = await until(() => second.tryAcquire(target, { ttl: '10s' }), { every: 2 });
    expect(await late.release()).toBe(false);
    await expect(late.extend('1 minute')).rejects.toMatchObject({ name: 'LockLostError' });
    expect(await first.tryAcquire(target, { ttl: '10s' })).toBeNull();
    next.assertHeld();
    await next.extend();
    expect(await next.release()).toBe(true);
  });

  it('S10 of a permit does not free another’s', async () => {
    const options = { ttl: '10s', permits: 2 };
    const kept = (await first.tryAcquire('permit', options))!;
    const late = (await first.tryAcquire('permit', { ttl: '50 ms', permits: 2 }))!;
    const next = await until(() => second.tryAcquire('permit', options), { every: 2 });
    expect(await late.release()).toBe(false);
    expect(await first.tryAcquire('permit', options)).toBeNull();
    expect(await Promise.all([next.release(), kept.release()])).toEqual([true, true]);
  });
});
