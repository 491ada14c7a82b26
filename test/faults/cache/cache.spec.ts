import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { CacheUnderTest, countedLoader } from '../../integration/cache/cache-under-test.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { settledIn } from '../../support/settled-in.js';
import { scaled } from '../../support/scale.js';
import { until } from '../../support/until.js';

const BOUND_MS = 400;

let redis: TestRedis;
let proxy: FaultProxy;
let keyPrefix: string;
let log: string[];
beforeEach(async () => {
  log = captureLog();
  redis = await startRedis({ port: 'tcp' });
  proxy = await FaultProxy.open(redis.url);
  keyPrefix = uniquePrefix();
});
afterEach(async () => {
  await proxy.close();
  await redis.stop();
});

/** Whether a value is in the tier of this process, and may be used. */
function isLocal(cache: CacheUnderTest, key: string): boolean {
  return cache['core'].findLocally(cache['core'].keys.entry(key)) !== undefined;
}

async function warm(cache: CacheUnderTest, key: string): Promise<void> {
  await until(async () => {
    await cache.get(key);
    return isLocal(cache, key);
  });
}

describe('the in-process tier', () => {
  it('hears of every kind of change: set, delete, many, tags, clear, another program, and an emptied database', async () => {
    const options = { redis: redis.url, keyPrefix };
    await using reader = new CacheUnderTest(options);
    await using writer = new CacheUnderTest({ ...options, localMaxBytes: 0 });
    const changes: Record<string, () => Promise<unknown>> = {
      set: () => writer.set('key', 'changed', 60),
      delete: () => writer.delete('key'),
      deleteMany: () => writer.deleteMany(['other', 'key']),
      tags: () => writer.invalidateTags('t'),
      clear: () => writer.clear(),
      'by another program': () => ask(redis, (client) => client.del(`${keyPrefix}e::key`)),
      'by emptying': () => ask(redis, (client) => client.flushall()),
    };
    for (const [what, change] of Object.entries(changes)) {
      await writer.getOrSet('key', async () => 'old', { ttl: 60, tags: ['t'] });
      await warm(reader, 'key');
      await change();
      await until(() => !isLocal(reader, 'key'), { what });
      expect(await reader.get('key')).toBe(what === 'set' ? 'changed' : null);
      await writer.delete('key');
    }
  });

  it('costs no command, and no value outlives its TTL', async () => {
    await using cache = new CacheUnderTest({ redis: proxy.url, keyPrefix });
    const ttlMs = 3_000;
    await cache.set('key', 'value', `${ttlMs} ms`);
    const over = performance.now() + ttlMs;
    await warm(cache, 'key');
    const before = proxy.commandCount({ except: ['PING'] });
    for (let n = 0; n < 1_000; n++) expect(await cache.get('key')).toBe('value');
    expect(proxy.commandCount({ except: ['PING'] })).toBe(before);
    // the server tells its time in whole milliseconds
    await until(() => performance.now() > over + 2);
    expect(isLocal(cache, 'key')).toBe(false);
    expect(await cache.get('key')).toBeNull();
  });

  it('stays within its bytes', async () => {
    await using cache = new CacheUnderTest({ redis: redis.url, keyPrefix, localMaxBytes: 20_000 });
    await cache.set('first', 'x', 60);
    await warm(cache, 'first');
    const { tier } = cache['core'];
    for (let n = 0; n < 60; n++) await cache.set(`key-${n}`, 'x'.repeat(1_000), 60);
    // What is read before the message of its own write has come is not kept.
    let most = 0;
    const readAll = async (): Promise<boolean> => {
      for (let n = 0; n < 60; n++) {
        await cache.get(`key-${n}`);
        most = Math.max(most, tier.size);
      }
      return tier.size > 5;
    };
    await until(readAll, { what: 'the tier has filled' });
    expect(most * 1_200).toBeLessThanOrEqual(20_000);
  });

  // a link that is cut and cannot be made again; one that stays open and is silent
  it.each(['cut', 'silent'] as const)('serves nothing older than its bound while its link is %s, and is off meanwhile', async (fault) => {
    await using reader = new CacheUnderTest({ redis: proxy.url, keyPrefix, localMaxStaleness: `${BOUND_MS} ms`, commandTimeout: 200 });
    await using writer = new CacheUnderTest({ redis: redis.url, keyPrefix });
    await writer.set('key', 0, 60);
    await warm(reader, 'key');

    if (fault === 'cut') await proxy.refuse();
    else proxy.silence();
    let localReads = isLocal(reader, 'key') ? 1 : 0;
    const written: number[] = [];
    const since = performance.now();
    let oldest = 0;
    while (performance.now() - since < scaled(1_200, 5_000)) {
      await writer.set('key', written.length + 1, 60);
      written.push(performance.now());
      const entry = reader['core'].keys.entry('key');
      const now = performance.now();
      const local = reader['core'].findLocally(entry) as number | undefined;
      if (local !== undefined) {
        localReads++;
        // stale since the write after the one it is of
        if (local < written.length) oldest = Math.max(oldest, now - written[local]!);
      }
      await sleep(5);
    }
    expect(oldest).toBeLessThanOrEqual(BOUND_MS);
    if (fault === 'silent') expect(localReads).toBeGreaterThan(0);
    expect(isLocal(reader, 'key')).toBe(false);

    await proxy.heal();
    await until(async () => (await reader.get<number>('key')) === written.length, { within: 5_000 });
    await warm(reader, 'key');
  });

  it('of a lost link alone is off and empty, while the cache goes on', async () => {
    await using reader = new CacheUnderTest({ redis: redis.url, keyPrefix, localMaxStaleness: `${BOUND_MS} ms` });
    await using writer = new CacheUnderTest({ redis: redis.url, keyPrefix, localMaxBytes: 0 });
    await writer.set('key', 0, 60);
    await warm(reader, 'key');
    for (let round = 1; round <= 3; round++) {
      await ask(redis, async (client) => {
        for (const [, id] of String(await client.client('LIST')).matchAll(/id=(\d+) .*sub=1/g))
          await client.client('KILL', 'ID', Number(id));
      });
      await writer.set('key', round, 60);
      await until(() => !reader['core'].feed.vouches || reader['core'].tier.size === 0);
      expect(await reader.get<number>('key')).toBe(round);
      await warm(reader, 'key');
    }
  });

  it('of a user who may not track is off, is told once, and the cache goes on', async () => {
    await using guarded = await startRedis({ port: 'tcp', users: ['limited on >pw ~* &* +@all -client|tracking'] });
    const url = new URL(guarded.url);
    [url.username, url.password] = ['limited', 'pw'];
    await using cache = new CacheUnderTest({ redis: url.href, keyPrefix });
    await cache.set('key', 'value', 60);
    expect(await cache.get('key')).toBe('value');
    await until(() => log.some((line) => line.includes('in-process tier')));
    expect(isLocal(cache, 'key')).toBe(false);
    expect(await cache.getOrSet('other', async () => 1, { ttl: 60 })).toBe(1);
    expect(log.filter((line) => line.includes('in-process tier'))).toHaveLength(1);
  });
});

describe('Redis there, but an answer late', () => {
  const changes: Record<string, (cache: CacheUnderTest) => Promise<unknown>> = {
    set: (cache) => cache.set('key', 'new', 60),
    delete: (cache) => cache.delete('key'),
    tags: (cache) => cache.invalidateTags('t'),
    clear: (cache) => cache.clear(),
  };

  it.each(Object.keys(changes))('since this process was busy: what is changed right then is changed (%s)', async (what) => {
    await using busy = new CacheUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 200 });
    await using other = new CacheUnderTest({ redis: redis.url, keyPrefix });
    await busy.set('warm', 1, 60);
    await other.getOrSet('key', async () => 'old', { ttl: 60, tags: ['t'] });
    const reading = [busy.get('warm'), busy.get('key')];
    for (const until = performance.now() + 300; performance.now() < until;);
    await Promise.all(reading);
    await changes[what]!(busy);
    expect(await other.getOrSet('key', async () => 'new', { ttl: 60, tags: ['t'] })).toBe('new');
  });

  it('and then gone for good, changes are waited for no more than twice', async () => {
    await using cache = new CacheUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 300 });
    await cache.set('key', 'value', 60);
    await redis.pause();
    const { ms } = await settledIn(async () => {
      await cache.get('other');
      for (let n = 0; n < 50; n++) {
        await cache.delete('key');
        await cache.set('key', n, 60);
        await cache.releaseLock('job');
      }
    });
    expect(ms).toBeLessThan(900);
    await redis.resume();
    await until(() => cache.isAvailable());
  });
});

describe('Redis gone', () => {
  const LOAD_MS = 5;

  it.each(['killed', 'stopped'] as const)('%s, adds less than 10 ms at p99 to a loader after the first failure', async (how) => {
    await using cache = new CacheUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 300 });
    const events: string[] = [];
    cache.events.subscribe(({ type }) => events.push(type));
    const load = countedLoader(() => sleep(LOAD_MS, 'loaded'));
    await cache.getOrSet('key', load, { ttl: 60 });
    if (how === 'killed') await redis.kill();
    else await redis.pause();
    await cache.getOrSet('first', load, { ttl: 60 });

    const added: number[] = [];
    for (let n = 0; n < 200; n++) {
      const plain = await settledIn(load);
      const { ms, result } = await settledIn(() => cache.getOrSet(`key-${n}`, load, { ttl: 60 }));
      expect(result).toBe('loaded');
      added.push(ms - plain.ms);
    }
    expect(added.sort((a, b) => a - b)[197]).toBeLessThan(10);
    expect(events).toEqual(['unavailable']);
    expect(log.filter((line) => line.includes('cache does without'))).toHaveLength(1);

    if (how === 'killed') await redis.restart();
    else await redis.resume();
    await until(async () => {
      await cache.set('back', 1, 60);
      return (await cache.get<number>('back')) === 1;
    });
    expect(events).toEqual(['unavailable', 'available']);
  });

  it('callers of one process share a loader, and none shares it with who deleted since', async () => {
    await using cache = new CacheUnderTest({ redis: redis.url, keyPrefix });
    await cache.get('key');
    await redis.kill();
    await cache.get('key');
    const load = countedLoader((run) => sleep(50, run));
    const early = Array.from({ length: 20 }, () => cache.getOrSet('key', load, { ttl: 60 }));
    await until(() => load.runs === 1);
    await cache.delete('key');
    expect(await cache.getOrSet('key', load, { ttl: 60 })).toBe(2);
    expect(new Set(await Promise.all(early))).toEqual(new Set([1]));
  });

  it('full of data, it keeps nothing and everything is answered', async () => {
    await using cache = new CacheUnderTest({ redis: redis.url, keyPrefix });
    await cache.set('key', 'value', 60);
    await ask(redis, (client) => client.config('SET', 'maxmemory', 1));
    await cache.set('other', 'value', 60);
    expect(await cache.get('other')).toBeNull();
    expect(await cache.getOrSet('third', async () => 3, { ttl: 60 })).toBe(3);
    await cache.invalidateTags('t');
    await cache.clear();
    expect(await cache.get('key')).toBeNull();
    await cache.delete('key');
    await ask(redis, (client) => client.config('SET', 'maxmemory', 0));
    await cache.set('other', 'value', 60);
    expect(await cache.get('other')).toBe('value');
  });

  it('a lost reply of a fill loses nothing', async () => {
    await using cache = new CacheUnderTest({ redis: proxy.url, keyPrefix, commandTimeout: 300 });
    await cache.get('key');
    for (const name of ['EVALSHA', 'EVAL', 'MGET']) {
      const dropped = proxy.dropNextReply(([command]) => command?.toUpperCase() === name);
      await until(async () => {
        expect(await cache.getOrSet(`key-${Math.random()}`, async () => name, { ttl: 60 })).toBe(name);
        return Promise.race([dropped.then(() => true), sleep(1, false)]);
      });
    }
    await until(
      async () => (await cache.getOrSet('key', async () => 'value', { ttl: 60 })) === 'value' && (await cache.get('key')) === 'value',
    );
  });
});
