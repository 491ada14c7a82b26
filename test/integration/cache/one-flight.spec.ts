import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../../lib/testing/index.js';
import { commandStats, growth } from '../../support/commands.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { PackageProgram } from '../../support/package-program.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';
import { CacheUnderTest, countedLoader } from './cache-under-test.js';

const redis = inject('redisUrl');
const LOAD_MS = 50;

/** On `go`, 200 calls at once; each tells how often its own loader ran and what came of them. */
const PROGRAM = `
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheAdapter } from './lib/cache/index.js';
const { redis, keyPrefix, loadMs } = JSON.parse(process.argv[2]);
const cache = new CacheAdapter({ redis, keyPrefix });
await cache.get('warm');
let runs = 0;
const load = async () => { runs++; console.log('loading'); await sleep(loadMs); return { from: process.pid }; };
createInterface({ input: process.stdin }).on('line', async (line) => {
  const [, key] = line.split(' ');
  const values = await Promise.all(Array.from({ length: 200 }, () => cache.getOrSet(key, load, { ttl: 60 })));
  console.log(JSON.stringify({ runs, values: new Set(values.map((value) => value.from)).size }));
});
console.log('ready');
`;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('one load at a time', () => {
  let program: PackageProgram;
  beforeAll(async () => {
    program = await PackageProgram.write(PROGRAM);
  });
  afterAll(() => program?.[Symbol.asyncDispose]());

  /** What it says at the end, whatever loads it told before. */
  async function outcome(process: ReturnType<PackageProgram['start']>): Promise<{ runs: number; values: number }> {
    for (;;) {
      const line = await process.hear();
      if (line !== 'loading') return JSON.parse(line) as { runs: number; values: number };
    }
  }

  it('200 misses in each of two processes run one loader', async () => {
    const keyPrefix = uniquePrefix();
    const processes = [1, 2].map(() => program.start({ redis, keyPrefix, loadMs: LOAD_MS }));
    for (const process of processes) expect(await process.hear()).toBe('ready');
    for (let round = 1; round <= 5; round++) {
      for (const process of processes) process.say(`go key-${round}`);
      const outcomes = await Promise.all(processes.map(outcome));
      expect(outcomes[0]!.runs + outcomes[1]!.runs).toBe(round);
      expect(outcomes.map(({ values }) => values)).toEqual([1, 1]);
    }
  });

  it('a load that takes no time runs once too, whoever comes while it is being kept', async () => {
    const options = { redis, keyPrefix: uniquePrefix(), localMaxBytes: 0 };
    await using one = new CacheUnderTest(options);
    await using two = new CacheUnderTest(options);
    await using three = new CacheUnderTest(options);
    const instances = [one, two, three, two, one, three];
    for (let round = 0; round < 100; round++) {
      const load = countedLoader((run) => run);
      const filling = { ttl: 60, tags: ['t'] };
      await Promise.all(
        instances.map(async (cache, n) => {
          for (let turns = (n * round) % 12; turns > 0; turns--) await turn();
          await cache.getOrSet(`key-${round}`, load, filling);
        }),
      );
      expect(load.runs).toBe(1);
    }
  });

  it('the death of who loads costs one more run', async () => {
    const keyPrefix = uniquePrefix();
    const leader = program.start({ redis, keyPrefix, loadMs: 60_000 });
    expect(await leader.hear()).toBe('ready');
    leader.say('go key');
    expect(await leader.hear()).toBe('loading');
    const followers = [1, 2].map(() => program.start({ redis, keyPrefix, loadMs: LOAD_MS }));
    for (const process of followers) expect(await process.hear()).toBe('ready');
    for (const process of followers) process.say('go key');
    leader.child.kill('SIGKILL');
    const outcomes = await Promise.all(followers.map(outcome));
    expect(outcomes[0]!.runs + outcomes[1]!.runs).toBe(1);
  });

  it('who waits is woken and does not ask', async () => {
    await using server = await startRedis();
    const options = { redis: server.url, keyPrefix: uniquePrefix() };
    await using one = new CacheUnderTest(options);
    await using two = new CacheUnderTest(options);
    await Promise.all([one.get('warm'), two.get('warm')]);
    await until(async () => (await commandStats(server))['subscribe'] === 2);
    await until(async () => Number((await commandStats(server))['ping']) > 4);
    const load = countedLoader(() => sleep(400).then(() => 'value'));
    const leading = one.getOrSet('key', load, { ttl: 60 });
    await until(() => load.runs === 1);
    const before = await commandStats(server);
    const following = two.getOrSet('key', load, { ttl: 60 });
    expect(await Promise.all([leading, following])).toEqual(['value', 'value']);
    expect(load.runs).toBe(1);
    // a look and an election when it came, a look when it was woken, and what the leader writes
    expect(growth(before, await commandStats(server))['evalsha']! + (growth(before, await commandStats(server))['mget'] ?? 0)).toBeLessThan(
      8,
    );
  });

  it('an error reaches all who wait, and is not kept', async () => {
    await using cache = new CacheUnderTest({ redis, keyPrefix: uniquePrefix() });
    const load = countedLoader(async (run) => {
      await sleep(20);
      if (run === 1) throw new Error('the origin is down');
      return run;
    });
    const calls = await Promise.allSettled(Array.from({ length: 50 }, () => cache.getOrSet('key', load, { ttl: 60 })));
    expect(calls.every((call) => call.status === 'rejected' && (call.reason as Error).message === 'the origin is down')).toBe(true);
    expect(load.runs).toBe(1);
    expect(await cache.getOrSet('key', load, { ttl: 60 })).toBe(2);
  });

  it('a loader that throws at once is no different', async () => {
    await using cache = new CacheUnderTest({ redis, keyPrefix: uniquePrefix() });
    const load = (): Promise<string> => {
      throw new Error('at once');
    };
    await expect(cache.getOrSet('key', load, { ttl: 60 })).rejects.toThrow('at once');
  });

  it('a load longer than the lease keeps it', async () => {
    const options = { redis, keyPrefix: uniquePrefix() };
    await using one = new CacheUnderTest(options);
    await using two = new CacheUnderTest(options);
    const load = countedLoader(() => sleep(2_600).then(() => 'slow'));
    const first = one.getOrSet('key', load, { ttl: 60 });
    await until(() => load.runs === 1);
    const { ms, result } = await settledIn(() => Promise.all([first, two.getOrSet('key', load, { ttl: 60 })]));
    expect(result).toEqual(['slow', 'slow']);
    expect(load.runs).toBe(1);
    expect(ms).toBeLessThan(3_500);
    expect(await two.get('key')).toBe('slow');
  });
});
