import { Redis, type RedisOptions } from 'ioredis';
import { expect, inject, it } from 'vitest';
import { uniquePrefix } from '../../support/key-prefix.js';
import { until } from '../../support/until.js';
import { CacheUnderTest, countedLoader } from './cache-under-test.js';

const CLIENTS: Record<string, Omit<RedisOptions, 'replyMapping'>> = {
  'as it comes': {},
  'that gives numbers as strings': { stringNumbers: true },
  'that pipelines by itself': { enableAutoPipelining: true },
  'that keeps stacks': { showFriendlyErrorStack: true },
  'that speaks RESP2': { protocol: 2 },
  'that speaks RESP3': { protocol: 3 },
  'with all of it': { protocol: 3, stringNumbers: true, enableAutoPipelining: true, showFriendlyErrorStack: true },
};

it.each(Object.entries(CLIENTS))("works the same over an application's client %s", async (_what, options) => {
  const client = new Redis(inject('redisUrl'), options);
  const keyPrefix = uniquePrefix();
  try {
    await using cache = new CacheUnderTest({ redis: client, keyPrefix });
    await using other = new CacheUnderTest({ redis: inject('redisUrl'), keyPrefix, localMaxBytes: 0 });
    for (let round = 1; round <= 3; round++) {
      await cache.set('key', { round }, '90s');
      expect(await other.get('key')).toEqual({ round });
      expect(await cache.get('key')).toEqual({ round });
      expect(await cache.ttl('key')).toBe(90);
    }
    await until(async () => (await cache.get('key')) !== null && cache['core'].tier.size === 1);
    await other.set('key', 'theirs', 60);
    await until(async () => (await cache.get('key')) === 'theirs');

    const load = countedLoader((run) => new Map([['run', BigInt(run)]]));
    const filling = { ttl: 60, grace: 60, tags: ['t', 'u'] };
    const got = await Promise.all([cache, other, cache].map((one) => one.getOrSet('filled', load, filling)));
    expect(got).toEqual(got.map(() => new Map([['run', 1n]])));
    await cache.invalidateTags('t');
    expect(await other.getOrSet('filled', load, filling)).toEqual(new Map([['run', 2n]]));
    await other.clear();
    await until(async () => (await cache.get('filled')) === null);

    expect(await cache.acquireLock('job', 10)).toBe(true);
    expect(await other.acquireLock('job', 10)).toBe(false);
    await other.releaseLock('job');
    expect(await cache.acquireLock('job', 10)).toBe(false);
    await cache.releaseLock('job');
    expect(await other.acquireLock('job', 10)).toBe(true);
    await cache.set('a', 1, 60);
    await cache.deleteMany(['a', 'b']);
    expect(await other.get('a')).toBeNull();
  } finally {
    client.disconnect();
  }
});
