import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import { CacheAdapter } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';
import { inParallel } from './bench-server.js';
import { interleave, type Contender } from './rounds.js';
import { quartiles, ratios, type Quartiles } from './statistics.js';
import { versionOf } from './version-of.js';

/** What a cache costs beside GET and SET with JSON of the same, 64 calls in flight, and other packages beside it. */
export interface CacheCosts {
  valueBytes: number;
  cases: { name: string; baseline: string; goal?: number; ratio: Quartiles; perSecond: Quartiles }[];
  tag: { entries: number; ms: number; commands: number };
}

/** A package as one instance, with connections of its own and no other on the server's keys. */
interface CachePackage {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  close(): Promise<unknown>;
}

interface Case {
  readonly contender: Contender;
  readonly baseline: Contender;
  readonly goal?: number;
}

const KEYS = 1024;
const TTL_S = 600;
const LOCAL_BYTES = 16_777_216;
const TAGGED = 1_000_000;

const VALUE = {
  id: 'user-123456',
  name: 'Ada Lovelace',
  email: 'ada@example.org',
  roles: ['admin', 'editor'],
  active: true,
  visits: 123456,
  signedUp: '2026-01-01T00:00:00.000Z',
  note: 'x'.repeat(24),
};

export async function measureCache(): Promise<CacheCosts> {
  await using redis = await startRedis({ port: 'tcp', config: ['save ""'] });
  const raw = new Redis(redis.url);
  const shared = ours(redis.url, { localMaxBytes: 0 });
  const tiered = ours(redis.url, { localMaxBytes: LOCAL_BYTES });
  const bentoShared = bento(redis.url, 'bento-shared', false);
  const bentoTiered = bento(redis.url, 'bento-tiered', true);
  const manager = cacheManager(redis.url);
  const packages = [shared, tiered, bentoShared, bentoTiered, manager];
  const [bentoVersion, managerVersion] = await Promise.all([versionOf('bentocache'), versionOf('cache-manager')]);
  try {
    await inParallel(KEYS, async (n) => {
      await raw.set(`raw:${n}`, JSON.stringify(VALUE), 'EX', TTL_S);
      for (const cache of packages) await cache.set(`key-${n}`, VALUE);
    });
    // until what this process keeps is there and its link is armed
    for (const end = performance.now() + 1_500; performance.now() < end;) {
      await inParallel(KEYS, (n) => Promise.all([tiered, bentoTiered].map((cache) => cache.get(`key-${n}`))));
    }

    let next = 0;
    const get: Contender = {
      name: '`GET` and `JSON.parse`',
      call: async () => JSON.parse((await raw.get(`raw:${next++ % KEYS}`))!) as unknown,
    };
    const set: Contender = {
      name: '`JSON.stringify` and `SET`',
      call: () => raw.set(`raw:${next++ % KEYS}`, JSON.stringify(VALUE), 'EX', TTL_S),
    };
    const reading = (name: string, cache: CachePackage): Contender => ({ name, call: () => cache.get(`key-${next++ % KEYS}`) });
    const writing = (name: string, cache: CachePackage): Contender => ({ name, call: () => cache.set(`key-${next++ % KEYS}`, VALUE) });
    const reads: Case[] = [
      { contender: reading('`get`, shared tier', shared), baseline: get, goal: 0.9 },
      { contender: reading('`get`, in-process tier', tiered), baseline: get, goal: 10 },
      { contender: reading(`bentocache ${bentoVersion} \`get\`, Redis alone`, bentoShared), baseline: get },
      { contender: reading(`bentocache ${bentoVersion} \`get\`, memory, Redis and bus`, bentoTiered), baseline: get },
      { contender: reading(`cache-manager ${managerVersion} \`get\`, over ioredis`, manager), baseline: get },
    ];
    const writes: Case[] = [
      { contender: writing('`set`, hearing of every change', tiered), baseline: set, goal: 0.7 },
      { contender: writing(`bentocache ${bentoVersion} \`set\`, with its bus`, bentoTiered), baseline: set },
      { contender: writing(`cache-manager ${managerVersion} \`set\`, over ioredis`, manager), baseline: set },
    ];
    return {
      valueBytes: JSON.stringify(VALUE).length,
      cases: [...(await compare(get, reads)), ...(await compare(set, writes))],
      tag: await endTag(redis.url, raw),
    };
  } finally {
    raw.disconnect();
    await Promise.all(packages.map((cache) => cache.close()));
  }
}

async function compare(baseline: Contender, cases: readonly Case[]): Promise<CacheCosts['cases']> {
  const measured = await interleave([baseline, ...cases.map(({ contender }) => contender)]);
  return cases.map(({ contender, goal }) => ({
    name: contender.name,
    baseline: baseline.name,
    ...(goal !== undefined && { goal }),
    ratio: ratios(measured.get(contender)!, measured.get(baseline)!),
    perSecond: quartiles(measured.get(contender)!),
  }));
}

function ours(redis: string, { localMaxBytes }: { localMaxBytes: number }): CachePackage {
  const cache = new CacheAdapter({ redis, keyPrefix: `auth:${localMaxBytes === 0 ? 'shared' : 'tiered'}:`, localMaxBytes });
  return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value, TTL_S), close: () => cache.close() };
}

function bento(url: string, prefix: string, tiered: boolean): CachePackage {
  const connection = new Redis(url);
  const bus = new Redis(url);
  const l2 = bentostore().useL2Layer(redisDriver({ connection, prefix }));
  const store = tiered ? l2.useL1Layer(memoryDriver({ maxSize: LOCAL_BYTES })).useBus(redisBusDriver({ connection: bus })) : l2;
  const cache = new BentoCache({ default: 'store', stores: { store } });
  return {
    get: (key) => cache.get({ key }),
    set: (key, value) => cache.set({ key, value, ttl: TTL_S * 1000 }),
    close: async () => {
      await cache.disconnectAll();
      connection.disconnect();
      bus.disconnect();
    },
  };
}

/** Over the least that a store of Keyv can be: what is measured is the packages above it. */
function cacheManager(url: string): CachePackage {
  const connection = new Redis(url);
  const store = {
    opts: {},
    on: () => store,
    get: async (key: string) => (await connection.get(key)) ?? undefined,
    set: (key: string, value: string, ttl: number) => connection.set(key, value, 'PX', ttl),
    delete: async (key: string) => (await connection.del(key)) > 0,
    clear: async () => undefined,
  };
  const cache = createCache({ stores: [new Keyv({ store, namespace: 'manager' })] });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value, TTL_S * 1000),
    close: async () => connection.disconnect(),
  };
}

/** Copies an entry under other names: as good as filled one by one, and in seconds. */
const MULTIPLY = `
for copy = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('COPY', KEYS[1], KEYS[1] .. copy) end`;

async function endTag(redis: string, raw: Redis): Promise<CacheCosts['tag']> {
  const cache = new CacheAdapter({ redis, keyPrefix: 'auth:tag:', localMaxBytes: 0 });
  try {
    await cache.getOrSet('entry-', async () => VALUE, { ttl: 3600, tags: ['all'] });
    const step = 10_000;
    for (let from = 1; from < TAGGED; from += step) {
      await raw.eval(MULTIPLY, 1, 'auth:tag:e::entry-', from, Math.min(from + step, TAGGED) - 1);
    }
    const sample = ['entry-1', `entry-${TAGGED / 2}`, `entry-${TAGGED - 1}`];
    const before = await Promise.all(sample.map((key) => cache.get(key)));
    // the script is known to the server from here on
    await cache.invalidateTags('other');
    const sent = await commandsProcessed(raw);
    const start = performance.now();
    await cache.invalidateTags('all');
    const ms = performance.now() - start;
    const commands = (await commandsProcessed(raw)) - sent;
    const after = await Promise.all(sample.map((key) => cache.get(key)));
    if (before.includes(null) || after.some((value) => value !== null)) throw new Error('the tag has not ended what it should');
    return { entries: TAGGED, ms, commands };
  } finally {
    await cache.close();
  }
}

/** Scripts that clients have called. */
async function commandsProcessed(raw: Redis): Promise<number> {
  return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(await raw.info('commandstats'))?.[1] ?? 0);
}
