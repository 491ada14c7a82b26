import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { InvalidArgumentError, LoaderTimeoutError } from '../../../lib/errors/index.js';
import { startRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';
import { CacheUnderTest, countedLoader } from './cache-under-test.js';

const redis = inject('redisUrl');
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let one: CacheUnderTest;
let two: CacheUnderTest;
beforeEach(() => {
  const options = { redis, keyPrefix: uniquePrefix() };
  one = new CacheUnderTest(options);
  two = new CacheUnderTest(options);
});
afterEach(async () => {
  await one.close();
  await two.close();
});

describe('grace', () => {
  const options = { ttl: '60 ms', grace: 60 } as const;

  async function expired(load: () => Promise<unknown>): Promise<void> {
    await one.getOrSet('key', load, options);
    // by what each knows of the server's clock
    for (const cache of [one, two]) await until(async () => (await cache.get('key')) === null);
  }

  it('serves what has expired at once, while one load of all instances brings a new value', async () => {
    let give!: (value: string) => void;
    const loaded = new Promise<string>((resolve) => (give = resolve));
    const load = countedLoader((run) => (run === 1 ? 'old' : loaded));
    await expired(load);
    const { result, ms } = await settledIn(() =>
      Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? one : two).getOrSet('key', load, { ttl: 60, grace: 60 }))),
    );
    expect(new Set(result)).toEqual(new Set(['old']));
    expect(ms).toBeLessThan(1_000);
    give('new');
    await until(async () => (await two.get('key')) === 'new');
    expect(load.runs).toBe(2);
  });

  it('waits for softTimeout first', async () => {
    const load = countedLoader((run) => (run === 1 ? 'old' : sleep(run === 2 ? 40 : 400).then(() => `new ${run}`)));
    await expired(load);
    expect(await two.getOrSet('key', load, { ...options, softTimeout: '5s' })).toBe('new 2');
    await until(async () => (await two.get('key')) === null);
    expect(await two.getOrSet('key', load, { ...options, softTimeout: '50 ms' })).toBe('new 2');
    expect(load.runs).toBe(3);
  });

  it('serves what has expired where loading fails, and tries no more than once a second', async () => {
    const load = countedLoader((run) => {
      if (run > 1) throw new Error('the origin is down');
      return 'old';
    });
    await expired(load);
    const began = performance.now();
    for (let n = 0; n < 20; n++) {
      expect(await (n % 2 ? one : two).getOrSet('key', load, { ...options, softTimeout: 5 })).toBe('old');
    }
    const tries = load.runs - 1;
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / 1_000));
    await until(async () => (await two.getOrSet('key', load, options)) === 'old' && load.runs - 1 > tries, { every: 50 });
  });

  it('is served by all instances where the one that loads fails, and the others do not try at once', async () => {
    await expired(async () => 'old');
    const load = countedLoader(() => sleep(60).then(() => Promise.reject<string>(new Error('the origin is down'))));
    const leading = one.getOrSet('key', load, { ...options, softTimeout: 5 });
    await until(() => load.runs === 1);
    const following = [one, two, two].map((cache) => cache.getOrSet('key', load, { ...options, softTimeout: 5 }));
    expect(await Promise.all([leading, ...following])).toEqual(['old', 'old', 'old', 'old']);
    expect(load.runs).toBe(1);
  });

  it('of one caller is not given to another who does without, when the load of a third fails', async () => {
    await expired(async () => 'old');
    const failing = countedLoader(() => sleep(60).then(() => Promise.reject<string>(new Error('the origin is down'))));
    const leading = one.getOrSet('key', failing, options);
    await until(() => failing.runs === 1);
    const loaded = async (): Promise<string> => 'new';
    const following = [
      two.getOrSet('key', loaded, { ...options, softTimeout: 5 }),
      two.getOrSet('key', loaded, { ttl: 60 }),
      two.getOrSet('key', loaded, { ttl: 60, hardTimeout: 5 }),
    ];
    expect(await Promise.all([leading, ...following])).toEqual(['old', 'old', 'new', 'new']);
  });

  it('ends, for get at once and for getOrSet with its time', async () => {
    await one.getOrSet('key', async () => 'old', { ttl: '30 ms', grace: '100 ms' });
    await until(async () => (await two.get('key')) === null);
    expect(await two.ttl('key')).toBeNull();
    expect(await two.getOrSet('key', async () => 'new', { ttl: 60 })).toBe('new');
  });

  it('shows the loader what has expired', async () => {
    await expired(async () => ({ version: 1 }));
    const stale = await new Promise((resolve) => {
      void one.getOrSet<{ version: number }>('key', async (context) => (resolve([context.key, context.stale]), { version: 2 }), options);
    });
    expect(stale).toEqual(['key', { version: 1 }]);
  });

  it('does not serve what was invalidated', async () => {
    await one.getOrSet('key', async () => 'old', { ...options, tags: ['t'] });
    await one.invalidateTags('t');
    expect(await two.getOrSet('key', async () => 'new', { ...options, tags: ['t'] })).toBe('new');
  });
});

describe('time', () => {
  it('hardTimeout without an expired value is an error, and the loader goes on', async () => {
    let give!: (value: string) => void;
    const loaded = new Promise<string>((resolve) => (give = resolve));
    const load = countedLoader(() => loaded);
    const { error, ms } = await settledIn(() => one.getOrSet('key', load, { ttl: 60, hardTimeout: '40 ms' }));
    expect(error).toBeInstanceOf(LoaderTimeoutError);
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_LOADER_TIMEOUT', timeoutMs: 40 });
    expect(ms).toBeLessThan(1_000);
    await until(() => load.runs === 1);
    give('late');
    await until(async () => (await two.get('key')) === 'late');
    expect(load.runs).toBe(1);
  });

  it('null and undefined are kept only with negativeTtl', async () => {
    const load = countedLoader(() => null);
    await one.getOrSet('none', load, { ttl: 60 });
    await two.getOrSet('none', load, { ttl: 60 });
    expect(load.runs).toBe(2);
    await one.getOrSet('kept', load, { ttl: 3600, negativeTtl: 5 });
    expect(await two.getOrSet('kept', load, { ttl: 3600, negativeTtl: 5 })).toBeNull();
    expect(await two.ttl('kept')).toBe(5);
    expect(await one.getOrSet('undefined', async () => undefined, { ttl: 60, negativeTtl: 5 })).toBeUndefined();
    expect(await two.getOrSet('undefined', async () => 'loaded', { ttl: 60 })).toBeUndefined();
    expect(load.runs).toBe(3);
  });

  it('jitter shortens, and no more than it says', async () => {
    const ttls = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        await one.getOrSet(`key-${n}`, async () => n, { ttl: 1000, jitter: 0.5 });
        return (await one.ttl(`key-${n}`))!;
      }),
    );
    expect(Math.max(...ttls)).toBeLessThanOrEqual(1000);
    expect(Math.min(...ttls)).toBeGreaterThanOrEqual(499);
    expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(200);
  });

  it('the loader may say for how long', async () => {
    await one.getOrSet('key', async ({ setTtl }) => (setTtl('2m'), 1), { ttl: 60 });
    expect(await two.ttl('key')).toBe(120);
  });
});

describe('tags and namespaces', () => {
  it('a tag ends what has it, by one command, whatever the number', async () => {
    await using server = await startRedis();
    await using cache = new CacheUnderTest({ redis: server.url, keyPrefix: uniquePrefix(), commandTimeout: 10_000 });
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        cache.getOrSet(`key-${n}`, async () => n, { ttl: 60, tags: n % 2 ? ['odd', 'all'] : ['all'] }),
      ),
    );
    await until(() => cache['core'].feed.vouches);
    const { sent } = await commandsDuring(server, () => cache.invalidateTags('odd'));
    expect((sent['evalsha'] ?? 0) + (sent['eval'] ?? 0)).toBeLessThanOrEqual(2);
    expect(await cache.get('key-1')).toBeNull();
    expect(await cache.get('key-2')).toBe(2);
    const again = await commandsDuring(server, () => cache.invalidateTags('all', 'odd'));
    expect(again.sent).toMatchObject({ evalsha: 1 });
    expect(await cache.get('key-2')).toBeNull();
  });

  it('a tag that lost its version ends what has it', async () => {
    await using server = await startRedis();
    const keyPrefix = uniquePrefix();
    await using cache = new CacheUnderTest({ redis: server.url, keyPrefix, localMaxBytes: 0 });
    await cache.getOrSet('key', async () => 'old', { ttl: 60, tags: ['t'] });
    await cache.getOrSet('plain', async () => 'old', { ttl: 60 });
    expect(await ask(server, (client) => client.del(`${keyPrefix}n::#t`))).toBe(1);
    expect(await cache.get('key')).toBeNull();
    expect(await cache.get('plain')).toBe('old');
    expect(await cache.getOrSet('key', async () => 'new', { ttl: 60, tags: ['t'] })).toBe('new');
  });

  it.each([null, undefined])('%s is no value to set: what is there is gone, and asked for again', async (nothing) => {
    await one.set('key', 'old', 60);
    expect(await two.get('key')).toBe('old');
    await one.set('key', nothing, 60);
    expect(await one.get('key')).toBeNull();
    expect(await one.ttl('key')).toBeNull();
    expect(await one.getOrSet('key', async () => 'loaded', { ttl: 60 })).toBe('loaded');
  });

  it('a value with other tags than are asked with has those it was filled with', async () => {
    await one.getOrSet('key', async () => 'old', { ttl: 60, tags: ['a', 'b'] });
    expect(await two.getOrSet('key', async () => 'new', { ttl: 60 })).toBe('old');
    expect(await two.getOrSet('key', async () => 'new', { ttl: 60, tags: ['c'] })).toBe('old');
    await two.invalidateTags('b');
    expect(await one.getOrSet('key', async () => 'new', { ttl: 60 })).toBe('new');
  });

  it('a namespace is cleared with those within it, and no other', async () => {
    const places = [one, one.namespace('a'), one.namespace('a').namespace('b'), one.namespace('a/b'), one.namespace('b')];
    for (const [n, place] of places.entries()) await place.set('key', n, 60);
    for (const [n, place] of places.entries()) expect(await place.get<number>('key')).toBe(n);
    // what it has in its own tier it has to hear of
    const becomes = async (values: (number | null)[]): Promise<void> => {
      await expect.poll(() => Promise.all(places.map((place) => place.get<number>('key')))).toEqual(values);
    };
    await two.namespace('a').clear();
    await becomes([0, null, null, 3, 4]);
    await two.clear();
    await becomes([null, null, null, null, null]);
    await places[2]!.set('key', 'again', 60);
    expect(await places[2]!.get('key')).toBe('again');
  });

  it('the same tag in another namespace is another tag', async () => {
    await one.namespace('a').getOrSet('key', async () => 1, { ttl: 60, tags: ['t'] });
    await one.invalidateTags('t');
    await one.namespace('b').invalidateTags('t');
    expect(await one.namespace('a').get<number>('key')).toBe(1);
  });
});

describe('values', () => {
  it('come back as they were, from either tier, compressed or not', async () => {
    const keyPrefix = uniquePrefix();
    await using small = new CacheUnderTest({ redis, keyPrefix, compressAbove: 64 });
    const value = {
      date: new Date(1e12),
      map: new Map<unknown, unknown>([
        ['a', new Set([1, 2])],
        [{ key: 1 }, undefined],
      ]),
      bytes: Buffer.from([0, 255, 10]),
      big: 2n ** 80n,
      text: 'ä€😀\u0000\n;'.repeat(50),
      $: 'dollar',
      list: [null, undefined, Number.NaN, -0, { $: 1 }],
    };
    await small.set('key', value, 60);
    for (const cache of [one, small]) {
      const space = cache === one ? new CacheUnderTest({ redis, keyPrefix }) : cache;
      await until(async () => {
        await space.get('key');
        return space['core'].tier.size === 1;
      });
      const first = await space.get<typeof value>('key');
      expect(first).toStrictEqual(value);
      first!.map.clear();
      first!.list.length = 0;
      expect(await space.get('key')).toStrictEqual(value);
      if (space !== cache) await space.close();
    }
    await small.set('text', 'x'.repeat(10_000), 60);
    expect(await small.get('text')).toBe('x'.repeat(10_000));
  });

  it('each caller gets one of their own', async () => {
    const [first, second] = await Promise.all([1, 2].map(() => one.getOrSet('key', async () => ({ list: [1] }), { ttl: 60 })));
    first!.list.push(2);
    expect(second).toEqual({ list: [1] });
    expect(await two.get('key')).toEqual({ list: [1] });
  });

  it('a lease from before the clock was set back keeps nobody waiting', async () => {
    await one.get('key');
    const { client } = one['core'].connection;
    const hourAhead = String(Date.now() + 3_600_000);
    await client.set(one['core'].keys.entry('key'), 'x'.repeat(22) + hourAhead + '0'.repeat(13), 'PX', 60_000);
    expect(await two.getOrSet('key', async () => 'value', { ttl: 60, hardTimeout: 5 })).toBe('value');
  });

  it('what another wrote there is loaded anew', async () => {
    const client = one['core'].connection.client;
    await one.set('key', 'value', 60);
    const name = one['core'].keys.entry('key');
    await client.setrange(name, 60, 'broken beyond repair, whatever it was');
    expect(await two.get('key')).toBeNull();
    expect(await two.getOrSet('key', async () => 'again', { ttl: 60 })).toBe('again');
    expect(await one.get('key')).toBe('again');
  });
});

describe('arguments', () => {
  const load = async (): Promise<number> => 1;
  it.each<[string, (cache: CacheUnderTest) => Promise<unknown>]>([
    ['an empty key', (cache) => cache.get('')],
    ['a key that is no string', (cache) => cache.get(7 as never)],
    ['half a surrogate pair', (cache) => cache.set('\ud800', 1, 60)],
    ['a key over 1 kB', (cache) => cache.delete('x'.repeat(1025))],
    ['keys that are no list', (cache) => cache.deleteMany('key' as never)],
    ['a key among keys', (cache) => cache.deleteMany(['a', ''])],
    ['no ttl', (cache) => cache.set('key', 1, 0)],
    ['digits without a unit', (cache) => cache.set('key', 1, '60')],
    ['a function', (cache) => cache.set('key', { load }, 60)],
    ['a lock without an end', (cache) => cache.acquireLock('key', Infinity)],
    ['no loader', (cache) => cache.getOrSet('key', undefined as never, { ttl: 1 })],
    ['no options', (cache) => cache.getOrSet('key', load, undefined as never)],
    ['an unknown option', (cache) => cache.getOrSet('key', load, { ttl: 1, tag: 'x' } as never)],
    ['jitter above 1', (cache) => cache.getOrSet('key', load, { ttl: 1, jitter: 1.5 })],
    ['an empty tag', (cache) => cache.invalidateTags('')],
    ['a loaded symbol', (cache) => cache.getOrSet('key', async () => Symbol('x'), { ttl: 1 })],
  ])('%s is refused', async (_, call) => {
    await expect(call(one)).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it('S3 no two keys are one, however strange', async () => {
    const keys = [
      'a:b',
      'a',
      'a b',
      'a%20b',
      '{a}',
      '}a{',
      'a\n',
      '\u0000',
      '😀',
      '*',
      '?',
      '[a]',
      '__proto__',
      'a#t',
      'a/b',
      'x'.repeat(1024),
    ];
    await Promise.all(keys.map((key, n) => one.set(key, n, 60)));
    expect(await Promise.all(keys.map((key) => two.get<number>(key)))).toEqual(keys.map((_, n) => n));
    await one.delete('*');
    expect(await two.get<number>('?')).toBe(keys.indexOf('?'));
    expect((await all(two.entries<number>())).map(([key]) => key).sort()).toEqual(keys.filter((key) => key !== '*').sort());
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
