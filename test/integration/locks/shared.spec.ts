import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockBusyError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { LocksUnderTest } from '../../support/locks.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
let ours: LocksUnderTest;
let theirs: LocksUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  const keyPrefix = uniquePrefix();
  ours = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
  theirs = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
});
afterAll(async () => {
  await Promise.all([ours.close(), theirs.close()]);
  await redis.stop();
});

let names = 0;
const newName = (): string => `shared-${names++}`;
const ttl = '30s';

describe('several keys', () => {
  it('are had all or none', async () => {
    const group = newName();
    const lock = await ours.acquire({ group, keys: ['b'] }, { ttl });
    expect(await theirs.tryAcquire({ group, keys: ['a', 'b', 'c'] }, { ttl })).toBeNull();
    const free = await theirs.tryAcquire({ group, keys: ['a', 'c'] }, { ttl });
    expect(free!.key).toBe(group);
    expect(await theirs.tryAcquire({ group, keys: ['c', 'd'] }, { ttl })).toBeNull();
    expect(await lock.release()).toBe(true);
    expect(await free!.release()).toBe(true);
    expect(await theirs.tryAcquire({ group, keys: ['a', 'b', 'c', 'a'] }, { ttl })).not.toBeNull();
  });

  it('hold nothing while they are waited for, and are not overtaken by those that come later', async () => {
    const group = newName();
    const a = await ours.acquire({ group, keys: ['a'] }, { ttl });
    const both = theirs.acquire({ group, keys: ['a', 'b'] }, { ttl });
    await until(async () => (await lines(group)) === 2);
    // b is free, but both of a and b are next.
    await expect(ours.acquire({ group, keys: ['b'] }, { ttl, wait: 0 })).rejects.toBeInstanceOf(LockBusyError);
    const later = ours.acquire({ group, keys: ['b'] }, { ttl });
    const other = await ours.acquire({ group, keys: ['c'] }, { ttl });
    await a.release();
    const lock = await both;
    expect(lock.fencingToken > a.fencingToken).toBe(true);
    expect(await lock.release()).toBe(true);
    await (await later).release();
    await other.release();
    expect(await ask(redis, (client) => client.keys(`*${group}*`))).toEqual([]);
  });

  it('are waited for no longer than asked, extended, and end with their lease', async () => {
    const group = newName();
    const lost = await ours.acquire({ group, keys: ['a', 'b'] }, { ttl });
    await expect(theirs.acquire({ group, keys: ['b'] }, { ttl, wait: '30 ms' })).rejects.toBeInstanceOf(LockBusyError);
    await lost.extend('1s');
    const next = await theirs.acquire({ group, keys: ['b'] }, { ttl });
    expect(lost.signal.aborted).toBe(true);
    expect(await lost.release()).toBe(false);
    await expect(next.extend()).resolves.toBeUndefined();
    expect(await ours.using({ group, keys: ['a'] }, { ttl }, async () => 'ran')).toBe('ran');
    await next.release();
  });

  it('of many callers in any mixture are never held twice', async () => {
    const group = newName();
    const held = new Set<string>();
    const last = new Map<string, bigint>();
    const mixtures = [['a'], ['b'], ['a', 'b'], ['b', 'c'], ['a', 'c'], ['a', 'b', 'c']];
    await Promise.all(
      Array.from({ length: 120 }, async (_, n) => {
        const keys = mixtures[n % mixtures.length]!;
        await using lock = await (n % 2 === 0 ? ours : theirs).acquire({ group, keys }, { ttl });
        for (const key of keys) {
          expect(last.get(key) ?? 0n).toBeLessThan(lock.fencingToken);
          last.set(key, lock.fencingToken);
          expect(held.has(key)).toBe(false);
          held.add(key);
        }
        await new Promise(setImmediate);
        for (const key of keys) held.delete(key);
      }),
    );
    expect(await ask(redis, (client) => client.keys(`*${group}*`))).toEqual([]);
  });
});

describe('permits', () => {
  it('let in as many as there are', async () => {
    const key = newName();
    const locks = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? ours : theirs).tryAcquire(key, { ttl, permits: 3 })),
    );
    const held = locks.filter((lock) => lock !== null);
    expect(held).toHaveLength(3);
    expect(new Set(held.map(({ fencingToken }) => fencingToken)).size).toBe(3);
    expect(await held[0]!.release()).toBe(true);
    expect(await held[0]!.release()).toBe(false);
    expect(await ours.tryAcquire(key, { ttl, permits: 3 })).not.toBeNull();
    expect(await ours.tryAcquire(key, { ttl, permits: 3 })).toBeNull();
  });

  it('end each with its own lease', async () => {
    const key = newName();
    const kept = (await ours.tryAcquire(key, { ttl, permits: 2 }))!;
    await ours.tryAcquire(key, { ttl: '1s', permits: 2 });
    expect(await theirs.tryAcquire(key, { ttl, permits: 2 })).toBeNull();
    const next = await until(() => theirs.tryAcquire(key, { ttl: '1s', permits: 2 }));
    expect(await theirs.tryAcquire(key, { ttl, permits: 2 })).toBeNull();
    kept.assertHeld();
    await kept.extend('100 ms');
    await until(async () => (await ask(redis, (client) => client.keys(`*${key}`))).length === 0);
    expect(await next.release()).toBe(false);
  });

  it('are waited for in order', async () => {
    const key = newName();
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        (n % 2 === 0 ? ours : theirs).using(key, { ttl, permits: 4 }, async () => {
          most = Math.max(most, ++inside);
          await until(() => most >= 4, { every: 1, what: 'all permits are used' });
          await new Promise(setImmediate);
          inside--;
        }),
      ),
    );
    expect(most).toBe(4);
    expect(await ask(redis, (client) => client.keys(`*${key}`))).toEqual([]);
  });
});

async function lines(name: string): Promise<number> {
  return ask(redis, async (client) => {
    const [stored] = await client.keys(`*${name}*`);
    return stored === undefined ? 0 : (await client.get(stored))!.split('\n').length - 1;
  });
}
