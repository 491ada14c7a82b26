import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheUnderTest, countedLoader } from '../../integration/cache/cache-under-test.js';
import { ask } from '../../support/ask.js';
import { ClusterSetup } from '../../support/cluster.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { until } from '../../support/until.js';

describe('the cache on a Cluster', () => {
  let cluster: ClusterSetup;
  let one: CacheUnderTest;
  let two: CacheUnderTest;
  const keyPrefix = uniquePrefix();
  beforeAll(async () => {
    captureLog();
    cluster = await ClusterSetup.start();
    one = new CacheUnderTest({ redis: cluster.url, keyPrefix });
    two = new CacheUnderTest({ redis: cluster.url, keyPrefix });
  });
  afterAll(async () => {
    await one?.close();
    await two?.close();
    await cluster?.stop();
  });

  const keys = Array.from({ length: 40 }, (_, n) => `key-${n}`);

  async function warm(): Promise<void> {
    await until(
      async () => {
        await Promise.all(keys.map((key) => one.get(key)));
        return one['core'].feed.vouches && one['core'].tier.size === keys.length;
      },
      { within: 15_000, every: 50 },
    );
  }

  it('fills, keeps and ends values of every slot, by key, tag, namespace and all', async () => {
    const load = countedLoader((run) => ({ run, at: new Date(0) }));
    const fill = (cache: CacheUnderTest): Promise<unknown[]> =>
      Promise.all(keys.map((key) => cache.getOrSet(key, load, { ttl: 60, tags: [key, 'all'] })));
    await Promise.all([fill(one), fill(two), fill(one)]);
    expect(load.runs).toBe(keys.length);
    await two.invalidateTags('key-3', 'key-7');
    await fill(two);
    expect(load.runs).toBe(keys.length + 2);
    await one.invalidateTags('all');
    await until(async () => (await Promise.all(keys.map((key) => two.get(key)))).every((value) => value === null));
    await Promise.all(keys.map((key) => two.set(key, key, 60)));
    expect(await Promise.all(keys.map((key) => one.get(key)))).toEqual(keys);
    expect(await one.ttl('key-1')).toBeOneOf([59, 60]);
    await one.namespace('a').set('key', 1, 60);
    await two.clear();
    await until(async () => (await one.get('key-1')) === null && (await one.namespace('a').get('key')) === null);
    expect(await one.acquireLock('job', 10)).toBe(true);
    expect(await two.acquireLock('job', 10)).toBe(false);
    await one.releaseLock('job');
    expect(await two.acquireLock('job', 10)).toBe(true);
  });

  it('hears of changes on every master', async () => {
    await Promise.all(keys.map((key) => two.set(key, 'old', 60)));
    await warm();
    await Promise.all(keys.map((key) => two.set(key, 'new', 60)));
    await until(() => one['core'].tier.size === 0);
    expect(new Set(await Promise.all(keys.map((key) => one.get(key))))).toEqual(new Set(['new']));
    await warm();
    await two.clear();
    await until(async () => (await one.get('key-1')) === null && (await one.get('key-2')) === null);
  });

  it('finds every entry of every master', async () => {
    await Promise.all(keys.map((key) => two.set(key, key, 60)));
    const found: string[] = [];
    for await (const [key, value] of one.entries()) {
      expect(value).toBe(key);
      found.push(key);
    }
    expect([...new Set(found)].sort()).toEqual([...keys].sort());
  });

  it('has no tier while a master is gone, and has one again with the next', async () => {
    await Promise.all(keys.map((key) => two.set(key, 'old', 60)));
    await warm();
    const entry = one['core'].keys.entry('key-1');
    const master = await cluster.masterOf(entry);
    await master.kill();
    await until(() => !one['core'].feed.vouches, { within: 2_500 });
    await cluster.masterOtherThan(master, entry);
    await until(
      async () => {
        await two.set('key-1', 'new', 60);
        return (await one.get('key-1')) === 'new';
      },
      { within: 15_000 },
    );
    await until(() => one['core'].feed.vouches, { within: 15_000, every: 50 });
    await until(async () => (await one.get('key-1')) === 'new' && one['core'].findLocally(entry) === 'new');
    await two.set('key-1', 'newest', 60);
    await until(async () => (await one.get('key-1')) === 'newest');
    await expect(ask(await cluster.masterOf(entry), (client) => client.ping())).resolves.toBe('PONG');
  });
});
