import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { DistributedLock } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';
import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';
import { type Contender, interleave } from './rounds.js';
import { quartiles, type Quartiles, ratios } from './statistics.js';
import { versionOf } from './version-of.js';

/** What a lock costs that nobody else wants, and how one is shared that everybody wants, beside other packages. */
export interface LockCosts {
  /** Acquire and release, 64 in flight, relative to SET and then GET: two round trips. */
  free: { name: string; ratio: Quartiles; perSecond: Quartiles; goal?: number }[];
  waiters: number;
  holdMs: number;
  contended: (Contention & { name: string })[];
}

/** What came of callers who each ask again at once, for a few seconds. */
export interface Contention {
  perSecond: number;
  /** Jain's index of how often each had the lock: 1 where all had it alike. */
  fairness: number;
  waitP99Ms: number;
  /** From before the release was asked for until the next holder had the lock. */
  handOverP99Ms: number;
  /** Commands that the server executed, those in scripts included, for one acquisition and its release. */
  commands: number;
}

export const LOCK_GOALS = { free: 0.75, fairness: 0.95, waitP99Ms: 80, handOverP99Ms: 10, commands: 8 } as const;

const KEYS = 1024;
const WAITERS = 8;
const HOLD_MS = 5;
const CONTENDED_MS = 2_500;
const TTL_MS = 10_000;

/** A package, as one instance with a connection of its own. Resolves with the release. */
interface Locker {
  lock(key: string): Promise<() => Promise<unknown>>;
  close(): unknown;
}

interface RedlockLock {
  release(): Promise<unknown>;
}

type RedlockModule = {
  default: new (clients: Redis[], settings?: object) => { acquire(keys: string[], ttlMs: number): Promise<RedlockLock> };
};

// Its types are not found from ES modules.
const { default: Redlock } = createRequire(import.meta.url)('redlock') as RedlockModule;

export async function measureLocks(): Promise<LockCosts> {
  await using redis = await startRedis({ port: 'tcp' });
  const packages: [string, (url: string) => Locker][] = [
    ['DistributedLock', ours],
    [`redlock ${await versionOf('redlock')}`, redlock],
    [`redis-semaphore ${await versionOf('redis-semaphore')}`, redisSemaphore],
  ];
  const contended: LockCosts['contended'] = [];
  for (const [name, open] of packages) contended.push({ name, ...(await contend(redis.url, open)) });
  return { free: await compareFree(redis.url, packages), waiters: WAITERS, holdMs: HOLD_MS, contended };
}

async function compareFree(url: string, packages: readonly [string, (url: string) => Locker][]): Promise<LockCosts['free']> {
  const raw = new Redis(url);
  let next = 0;
  const baseline: Contender = {
    name: 'SET, then GET',
    async call() {
      const key = `bench:${next++ % KEYS}`;
      await raw.set(key, 'x');
      await raw.get(key);
    },
  };
  const lockers = packages.map(([name, open]) => ({ name, locker: open(url) }));
  const contenders = lockers.map(({ name, locker }): Contender => {
    let keys = 0;
    return {
      name,
      async call() {
        const release = await locker.lock(`free:${keys++ % KEYS}`);
        await release();
      },
    };
  });
  const measured = await interleave([baseline, ...contenders]);
  for (const { locker } of lockers) await locker.close();
  raw.disconnect();
  return contenders.map((contender, place) => ({
    name: contender.name,
    ratio: ratios(measured.get(contender)!, measured.get(baseline)!),
    perSecond: quartiles(measured.get(contender)!),
    ...(place === 0 && { goal: LOCK_GOALS.free }),
  }));
}

async function contend(url: string, open: (url: string) => Locker): Promise<Contention> {
  const lockers = Array.from({ length: WAITERS }, () => open(url));
  for (const locker of lockers) await (await locker.lock('warm-up'))();
  const before = await commandsOf(url);
  const counts = lockers.map(() => 0);
  const waits: number[] = [];
  const handOvers: number[] = [];
  let releasedAt = Infinity;
  const end = performance.now() + CONTENDED_MS;
  await Promise.all(
    lockers.map(async (locker, place) => {
      while (performance.now() < end) {
        const asked = performance.now();
        let release: () => Promise<unknown>;
        try {
          release = await locker.lock('hot');
        } catch {
          // Some give up after a number of attempts.
          continue;
        }
        const now = performance.now();
        waits.push(now - asked);
        if (releasedAt < now) handOvers.push(now - releasedAt);
        await sleep(HOLD_MS);
        counts[place]!++;
        releasedAt = performance.now();
        await release();
      }
    }),
  );
  const commands = (await commandsOf(url)) - before;
  for (const locker of lockers) await locker.close();
  const total = counts.reduce((sum, count) => sum + count);
  return {
    perSecond: (total * 1_000) / CONTENDED_MS,
    fairness: total ** 2 / (WAITERS * counts.reduce((sum, count) => sum + count ** 2, 0)),
    waitP99Ms: percentile(waits, 0.99),
    handOverP99Ms: percentile(handOvers, 0.99),
    commands: commands / total,
  };
}

function ours(url: string): Locker {
  const locks = new DistributedLock({ redis: url });
  return {
    async lock(key) {
      const lock = await locks.acquire(key, { ttl: TTL_MS / 1_000 });
      return () => lock.release();
    },
    close: () => locks.close(),
  };
}

function redlock(url: string): Locker {
  const client = new Redis(url);
  const locks = new Redlock([client]);
  return {
    async lock(key) {
      const lock = await locks.acquire([key], TTL_MS);
      return () => lock.release();
    },
    close: () => client.disconnect(),
  };
}

function redisSemaphore(url: string): Locker {
  const client = new Redis(url);
  return {
    async lock(key) {
      const mutex = new Mutex(client, key, { lockTimeout: TTL_MS, refreshInterval: 0 });
      await mutex.acquire();
      return () => mutex.release();
    },
    close: () => client.disconnect(),
  };
}

async function commandsOf(url: string): Promise<number> {
  const client = new Redis(url);
  const stats = await client.info('commandstats');
  client.disconnect();
  return [...stats.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)]
    .filter(([, name]) => !['info', 'hello', 'client'].includes(name!))
    .reduce((sum, [, , calls]) => sum + Number(calls), 0);
}

function percentile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;
}
