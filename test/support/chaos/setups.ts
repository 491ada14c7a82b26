import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisConnection } from '../../../lib/options/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../ask.js';
import { ClusterSetup } from '../cluster.js';
import { SentinelSetup } from '../sentinel.js';
import { until } from '../until.js';
import { type Lapse, now } from './history.js';
import { Links } from './links.js';

/** Where instances keep what they keep, each over links of its own, and what may befall it. */
export interface Setup extends AsyncDisposable {
  readonly links: readonly Links[];
  /** The `redis` option of an instance; without a number the direct way. */
  redisOf(instance?: number): RedisConnection;
  /** Each lasts for so long. What it returns may have lost what was acknowledged in it. */
  readonly faults: Readonly<Record<string, (forMs: number) => Promise<Lapse | void>>>;
  /** Resolves when nothing goes on any more of what a fault has begun. */
  settled(): Promise<unknown>;
}

/** Replication is behind by less. */
const LAG_MS = 1_000;
/** Sentinels that have just tried wait before they try again. */
const PATIENT = { within: 60_000 };

const streamOf = (prefix: string): string => `${prefix}f:{feed}stream`;
const anchorOf = (prefix: string): string => `${prefix}f:{feed}anchor`;

/** Those that leave everything but the feed where it is. */
export const KEEPING = [
  'stopped',
  'down, with its data',
  'scripts flushed',
  'stream deleted',
  'stream trimmed',
  'anchor deleted',
  'stream and anchor deleted',
  'clients killed',
] as const;
export const LOSING = ['down, then empty', 'everything deleted'] as const;

export async function oneServer(keyPrefix: string, instances: number): Promise<Setup> {
  const redis = await startRedis();
  const links = await Promise.all(Array.from({ length: instances }, () => Links.open([redis.url])));
  const faults: Record<(typeof KEEPING)[number] | (typeof LOSING)[number], (forMs: number) => Promise<Lapse | void>> = {
    ...feedFaults(() => Promise.resolve(redis), keyPrefix),
    async stopped(forMs) {
      await redis.pause();
      await sleep(forMs);
      await redis.resume();
    },
    async 'down, with its data'(forMs) {
      await redis.kill('SIGTERM');
      await sleep(forMs);
      await redis.restart({ keepData: true });
    },
    'down, then empty': (forMs) =>
      beginningAnew(async () => {
        await redis.kill();
        await sleep(forMs);
        await redis.restart();
      }),
    'everything deleted': () => beginningAnew(() => ask(redis, (client) => client.flushall())),
  };
  return {
    links,
    redisOf: (instance) => (instance === undefined ? redis.url : links[instance]!.urlTo(redis.url)),
    faults,
    settled: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => dispose(links, redis),
  };
}

/** What is over at once. */
function feedFaults(server: () => Promise<TestRedis>, keyPrefix: string) {
  const [stream, anchor] = [streamOf(keyPrefix), anchorOf(keyPrefix)];
  return {
    'scripts flushed': async () => void (await ask(await server(), (client) => client.script('FLUSH'))),
    'stream deleted': async () => void (await ask(await server(), (client) => client.del(stream))),
    'stream trimmed': async () => void (await ask(await server(), (client) => client.xtrim(stream, 'MAXLEN', 0))),
    'anchor deleted': async () => void (await ask(await server(), (client) => client.del(anchor))),
    'stream and anchor deleted': async () => void (await ask(await server(), (client) => client.del(stream, anchor))),
    'clients killed': async () => void (await ask(await server(), (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal'))),
  };
}

export async function behindSentinels(keyPrefix: string, instances: number): Promise<Setup> {
  const setup = await SentinelSetup.start();
  const links = await Promise.all(Array.from({ length: instances }, () => Links.open(setup.servers.map(({ url }) => url))));
  const inStep = (): Promise<unknown> =>
    until(async () => (await ask(await setup.master(), (client) => client.info('replication'))).match(/state=online/g)?.length === 2, {
      within: 30_000,
      what: 'both replicas are online',
    });
  return {
    links,
    redisOf: (instance) => ({
      sentinels: setup.addresses,
      name: setup.name,
      ...(instance !== undefined && { natMap: links[instance]!.natMap }),
    }),
    faults: {
      ...feedFaults(() => setup.master(), keyPrefix),
      'planned failover': () => lapse(inStep, () => setup.failover()),
      'master killed': () =>
        lapse(inStep, async () => {
          const master = await setup.master();
          await master.kill();
          await setup.masterOtherThan(master, PATIENT);
          await master.restart();
        }),
    },
    settled: inStep,
    [Symbol.asyncDispose]: () => dispose(links, setup),
  };
}

export async function inCluster(keyPrefix: string, instances: number): Promise<Setup> {
  const setup = await ClusterSetup.start();
  const links = await Promise.all(Array.from({ length: instances }, () => Links.open(setup.nodes.map(({ url }) => url))));
  const stream = streamOf(keyPrefix);
  const replica = (): Promise<TestRedis> => setup.replicaOf(stream);
  return {
    links,
    redisOf: (instance) => ({
      nodes: setup.addresses.slice(0, 3),
      options: instance === undefined ? {} : { natMap: links[instance]!.natMap },
    }),
    faults: {
      ...feedFaults(() => setup.masterOf(stream), keyPrefix),
      'planned failover': () => lapse(replica, () => setup.failover(stream)),
      'master killed': () =>
        lapse(replica, async () => {
          const master = await setup.masterOf(stream);
          await master.kill();
          await setup.masterOtherThan(master, stream, PATIENT);
          await master.restart();
        }),
    },
    settled: replica,
    [Symbol.asyncDispose]: () => dispose(links, setup),
  };
}

async function beginningAnew(loss: () => Promise<unknown>): Promise<Lapse> {
  const from = now();
  await loss();
  return { from, to: now(), loses: 'everything' };
}

async function lapse(before: () => Promise<unknown>, failover: () => Promise<unknown>): Promise<Lapse> {
  await before();
  const from = now() - LAG_MS;
  await failover();
  return { from, to: now() + LAG_MS, loses: 'last writes' };
}

async function dispose(links: readonly Links[], servers: { stop(): Promise<void> }): Promise<void> {
  await Promise.all(links.map((each) => each[Symbol.asyncDispose]()));
  await servers.stop();
}
