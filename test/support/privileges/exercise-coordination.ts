import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { CacheAdapter } from '../../../lib/cache/index.js';
import { DistributedLock } from '../../../lib/locks/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { until } from '../until.js';
import { type Place, reads } from './place.js';

/** CacheAdapter on two instances: values, locks, tags, loads that take long or fail, and the in-process tier. */
export async function exerciseCache(place: Place): Promise<void> {
  const { redis, keyPrefix } = place;
  const here = new CacheAdapter({ redis, keyPrefix });
  const there = new CacheAdapter({ redis, keyPrefix });
  const refused: string[] = [];
  for (const cache of [here, there]) cache.events.subscribe(({ error }) => refused.push(String(error?.cause ?? error)));
  try {
    for (const ttl of ['10m', '11m', '3 days'] as const) await here.set('a', ttl, ttl);
    assert.equal(await there.get('a'), '3 days');
    assert.ok((await there.ttl('a'))! > 86_400);
    await here.delete('a');
    assert.equal(await there.get('a'), null);
    assert.equal(await here.acquireLock('l', 10), true);
    assert.equal(await there.acquireLock('l', 10), false);
    await here.releaseLock('l');
    assert.equal(await there.acquireLock('l', 10), true);

    const load = (value: string) => (): Promise<string> => Promise.resolve(value);
    const tagged = { ttl: '10m', tags: ['t'] } as const;
    assert.equal(await here.getOrSet('b', load('1'), tagged), '1');
    assert.equal(await there.getOrSet('b', load('2'), tagged), '1');
    await there.invalidateTags('t');
    await until(async () => (await here.getOrSet('b', load('3'), tagged)) === '3', {
      within: 1_000,
      what: 'a tag is invalidated everywhere',
    });
    await here.clear();
    assert.equal(await there.get('b'), null);
    await staleValues(here, there);
    await longLoad(here, there);

    await here.set('kept', 'v', '10m');
    const names = [];
    for await (const [name] of there.entries()) names.push(name);
    assert.ok(names.includes('kept'));
    await isKeptInProcess(place, there);
    assert.deepEqual(refused, []);
  } finally {
    await Promise.all([here.close(), there.close()]);
  }
}

/** What has expired is served where loading fails, and loaded anew where it does not. */
async function staleValues(here: CacheAdapter, there: CacheAdapter): Promise<void> {
  const options = { ttl: '30 ms', grace: '10m' } as const;
  const expired = (key: string): Promise<true> => until(async () => (await here.ttl(key)) === null && (await there.ttl(key)) === null);
  for (const key of ['fails', 'loads']) await here.getOrSet(key, () => Promise.resolve('old'), options);
  await expired('fails');
  assert.equal(await here.getOrSet('fails', () => Promise.reject(new Error('down')), options), 'old');
  await expired('loads');
  assert.equal(await here.getOrSet('loads', () => Promise.resolve('new'), { ttl: '10m' }), 'new');
  await assert.rejects(
    here.getOrSet('never', () => Promise.reject(new Error('down')), options),
    /down/,
  );
}

/** Another instance waits for a load, however long that takes. */
async function longLoad(here: CacheAdapter, there: CacheAdapter): Promise<void> {
  const options = { ttl: '10m' } as const;
  // longer than a lease that nobody renews
  let begun = false;
  const first = here.getOrSet('long', () => ((begun = true), sleep(2_300, 'here')), options);
  await until(() => begun);
  assert.equal(await there.getOrSet('long', () => Promise.resolve('there'), options), 'here');
  assert.equal(await first, 'here');
}

async function isKeptInProcess(place: Place, cache: CacheAdapter): Promise<void> {
  const kept = async (): Promise<boolean> => {
    await cache.get('kept');
    const before = await reads(place);
    for (let n = 0; n < 50; n++) await cache.get('kept');
    return (await reads(place)) - before < 25;
  };
  await until(kept, { within: 1_500, what: 'a value is kept in process' });
}

/** DistributedLock on two instances: one lock, permits, a queue of three, and hand-overs. */
export async function exerciseLocks({ redis, keyPrefix }: Place): Promise<void> {
  const here = new DistributedLock({ redis, keyPrefix });
  const there = new DistributedLock({ redis, keyPrefix });
  const [ttl, wait] = ['10s', '3s'];
  try {
    for (const target of ['job', { group: 'g', keys: ['a', 'b'] }]) {
      const held = (await here.tryAcquire(target, { ttl }))!;
      assert.equal(await there.tryAcquire(target, { ttl }), null);
      await held.extend();
      const waiting = [there, here, there].map((locks) => locks.acquire(target, { ttl, wait }).then((lock) => lock.release()));
      const givenUp = there.acquire(target, { ttl, wait: '200 ms' }).catch((error: Error) => error.name);
      const outcome = Promise.all(waiting).catch((error: Error) => error);
      assert.equal(await givenUp, 'LockBusyError');
      await held.release();
      assert.deepEqual(await outcome, [true, true, true]);
    }
  } finally {
    await Promise.all([here.close(), there.close()]);
  }
}

/** A lock that waits for its replicas; to be tried where there are some. */
export async function exerciseLockReplicas({ redis, keyPrefix }: Place): Promise<void> {
  const locks = new DistributedLock({ redis, keyPrefix, minReplicas: 1 });
  try {
    await locks.using('job', { ttl: '10s' }, () => Promise.resolve());
  } finally {
    await locks.close();
  }
}

/** Writes to a hash of the application's own. */
export async function exerciseFencedWrites({ redis, keyPrefix, ownPrefix }: Place): Promise<void> {
  const locks = new DistributedLock({ redis, keyPrefix });
  try {
    const key = `${ownPrefix}report`;
    assert.equal(await locks.writeFenced(key, { fencingToken: 2n, fields: { a: '1' }, ttl: '1m' }), true);
    assert.equal(await locks.writeFenced(key, { fencingToken: 1n, fields: { a: '2' } }), false);
  } finally {
    await locks.close();
  }
}

/** RateLimiter on two instances, which share their limits. */
export async function exerciseRateLimit({ redis, keyPrefix }: Place): Promise<void> {
  const here = new RateLimiter({ redis, keyPrefix });
  const there = new RateLimiter({ redis, keyPrefix });
  try {
    for (const algorithm of ['gcra', 'fixed', 'sliding'] as const) {
      const limit = { limit: 2, window: '10m', algorithm } as const;
      assert.equal((await here.consume(algorithm, limit)).remaining, 1);
      assert.equal((await there.consume(algorithm, limit)).remaining, 0);
      assert.equal((await here.consume(algorithm, limit)).allowed, false);
      assert.equal((await there.consume(algorithm, limit)).allowed, false);
      assert.equal((await there.reward(algorithm, limit)).remaining, 1);
      assert.equal((await here.penalty(algorithm, limit)).remaining, 0);
      assert.equal((await there.peek(algorithm, limit)).remaining, 0);
      assert.equal(await here.reset(algorithm), true);
    }
    const once = { limit: 5, window: '10m', requestId: 'r' } as const;
    for (const limiter of [here, there]) assert.equal((await limiter.consume('many', once)).remaining, 4);
    await here.block('blocked', '1m');
    assert.equal((await there.peek('blocked', { limit: 5, window: '10m' })).allowed, false);
    const attempt = await here.login({ account: 'ann', ip: '203.0.113.7' });
    await attempt.succeeded();
  } finally {
    await Promise.all([here.close(), there.close()]);
  }
}

/** The storage for \@nestjs/throttler on two instances. */
export async function exerciseThrottler({ redis, keyPrefix }: Place): Promise<void> {
  const here = new RedisThrottlerStorage({ redis, keyPrefix });
  const there = new RedisThrottlerStorage({ redis, keyPrefix });
  try {
    assert.equal((await here.increment('k', 60_000, 1, 60_000, 'default')).totalHits, 1);
    assert.equal((await there.increment('k', 60_000, 1, 60_000, 'default')).isBlocked, true);
  } finally {
    await Promise.all([here.onApplicationShutdown(), there.onApplicationShutdown()]);
  }
}
