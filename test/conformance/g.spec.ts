import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockStoreUnavailableError } from '../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { CacheUnderTest } from '../integration/cache/cache-under-test.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { captureLog } from '../support/open-connection.js';
import { ClusterSetup } from '../support/cluster.js';
import { commandsDuring } from '../support/commands.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';
import { withoutTtl } from '../support/without-ttl.js';

let redis: TestRedis;
let keyPrefix: string;
let one: CacheUnderTest;
let two: CacheUnderTest;

beforeEach(async () => {
  redis = await startRedis();
  keyPrefix = uniquePrefix();
  one = new CacheUnderTest({ redis: redis.url, keyPrefix });
  two = new CacheUnderTest({ redis: redis.url, keyPrefix });
});
afterEach(async () => {
  await one.close();
  await two.close();
  await redis.stop();
});

describe('values', () => {
  it('G1 of a missing and of an expired key is null', async () => {
    expect(await one.get('none')).toBeNull();
    await one.set('brief', 'value', '30 ms');
    await until(async () => (await two.get('brief')) === null);
    expect(await one.ttl('brief')).toBeNull();
  });

  it('G2 are kept for their TTL, and no longer', async () => {
    await one.set('key', 'value', 60);
    expect(await two.get('key')).toBe('value');
    expect(await two.ttl('key')).toBe(60);
    await one.set('key', 'again', '2m');
    expect(await two.ttl('key')).toBe(120);
    expect(await one.ttl('none')).toBeNull();
  });

  it('G3 are deleted, and deleted again', async () => {
    await one.set('key', 'value', 60);
    await one.delete('key');
    await one.delete('key');
    expect(await two.get('key')).toBeNull();
  });

  it('G4 are deleted many in one command, none by an empty list', async () => {
    const keys = Array.from({ length: 500 }, (_, n) => `key-${n}`);
    await Promise.all(keys.map((key) => one.set(key, key, 60)));
    await one.set('other', 'stays', 60);
    await Promise.all([one.get('warm'), two.get('warm')]);
    // their links are made in the background, and would be counted
    await until(() => one['core'].feed.vouches && two['core'].feed.vouches);
    const { sent } = await commandsDuring(redis, () => two.deleteMany(keys));
    expect(sent).toMatchObject({ unlink: 1 });
    expect((await Promise.all(keys.map((key) => one.get(key)))).filter((value) => value !== null)).toEqual([]);
    const none = await commandsDuring(redis, () => one.deleteMany([]));
    expect(Object.keys(none.sent).filter((name) => name !== 'ping')).toEqual([]);
    expect(await one.get('other')).toBe('stays');
  });

  it('G4 are deleted on a Cluster, whatever their slots', async () => {
    await using cluster = await ClusterSetup.start();
    await using cache = new CacheUnderTest({ redis: cluster.url, keyPrefix });
    const keys = Array.from({ length: 50 }, (_, n) => `key {${n}}`);
    await until(() => cache.isAvailable());
    await Promise.all(keys.map((key) => cache.set(key, key, 60)));
    expect(await Promise.all(keys.map((key) => cache.get(key)))).toEqual(keys);
    await cache.deleteMany(keys);
    expect(new Set(await Promise.all(keys.map((key) => cache.get(key))))).toEqual(new Set([null]));
  });

  it('S17 leave no key without a TTL', async () => {
    await one.set('a', 1, 60);
    await one.getOrSet('b', async () => 2, { ttl: 60, grace: 60, tags: ['t'] });
    await one.invalidateTags('t', 'u');
    await one.namespace('n').clear();
    await one.acquireLock('l', 10);
    await one.getOrSet('c', async () => Promise.reject(new Error('no')), { ttl: 60 }).catch(() => undefined);
    expect(await withoutTtl(redis)).toEqual([]);
  });
});

describe('locks', () => {
  it('G5 are held by one until its TTL or its release', async () => {
    expect(await one.acquireLock('job', 60)).toBe(true);
    expect(await two.acquireLock('job', 60)).toBe(false);
    expect(await one.acquireLock('job', 60)).toBe(false);
    await one.releaseLock('job');
    expect(await two.acquireLock('job', 60)).toBe(true);
  });

  it('G6 of N concurrent acquires exactly one is true', async () => {
    const others = Array.from({ length: 6 }, () => new CacheUnderTest({ redis: redis.url, keyPrefix }));
    const taken = await Promise.all(Array.from({ length: 96 }, (_, n) => others[n % others.length]!.acquireLock('job', 60)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    await Promise.all(others.map((cache) => cache.close()));
  });

  it('G7 released, it can be acquired', async () => {
    for (let round = 0; round < 5; round++) {
      expect(await one.acquireLock('job', 60)).toBe(true);
      await one.releaseLock('job');
    }
  });

  it('G8 release of what is not held resolves', async () => {
    await expect(one.releaseLock('never')).resolves.toBeUndefined();
  });

  it('S10 a late release by an ex-holder does not free the lock of the next', async () => {
    expect(await one.acquireLock('job', '40 ms')).toBe(true);
    await until(() => two.acquireLock('job', 60));
    await one.releaseLock('job');
    expect(await one.acquireLock('job', 60)).toBe(false);
  });

  it('G10 a heartbeat of 25 s comes once from all instances', async () => {
    const beats = await Promise.all([one, two, one, two].map((cache) => cache.acquireLock('heartbeat:user-1', 25)));
    expect(beats.filter(Boolean)).toHaveLength(1);
  });

  it('G11 expires by itself', async () => {
    expect(await one.acquireLock('job', '50 ms')).toBe(true);
    await until(() => two.acquireLock('job', 60));
  });
});

describe('with Redis down', () => {
  it('G9 nothing throws and all is quick, and the next call after it is back works', async () => {
    const log = captureLog();
    const port = await startRedis({ port: 'tcp' });
    await using cache = new CacheUnderTest({ redis: port.url, keyPrefix });
    await using allowing = new CacheUnderTest({ redis: port.url, keyPrefix, lockOnUnavailable: 'allow' });
    await using throwing = new CacheUnderTest({ redis: port.url, keyPrefix, lockOnUnavailable: 'throw' });
    const events: string[] = [];
    cache.events.subscribe(({ type }) => events.push(type));
    await cache.set('key', 'value', 60);
    expect(await cache.isAvailable()).toBe(true);
    expect((await allowing.isAvailable()) && (await throwing.isAvailable())).toBe(true);
    await port.kill();

    const { ms } = await settledIn(async () => {
      for (let round = 0; round < 20; round++) {
        expect(await cache.get('other')).toBeNull();
        expect(await cache.ttl('key')).toBeNull();
        await cache.set('key', 'lost', 60);
        await cache.delete('key');
        await cache.deleteMany(['key', 'other']);
        await cache.releaseLock('job');
        await cache.invalidateTags('t');
        await cache.clear();
        expect(await cache.acquireLock('job', 10)).toBe(false);
        expect(await allowing.acquireLock('job', 10)).toBe(true);
        await expect(throwing.acquireLock('job', 10)).rejects.toBeInstanceOf(LockStoreUnavailableError);
        expect(await cache.isAvailable()).toBe(false);
      }
    });
    expect(ms).toBeLessThan(1_500);
    expect(events).toEqual(['unavailable']);
    expect(log.filter((line) => line.includes('cache does without'))).toHaveLength(3);

    await port.restart();
    await until(() => cache.isAvailable());
    await cache.set('key', 'back', 60);
    expect(await cache.get('key')).toBe('back');
    expect(events).toEqual(['unavailable', 'available']);
    await port.stop();
  });
});
