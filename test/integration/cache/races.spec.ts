import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { uniquePrefix } from '../../support/key-prefix.js';
import { seededRandom } from '../../support/seeded-random.js';
import { until } from '../../support/until.js';
import { CacheUnderTest } from './cache-under-test.js';

const redis = inject('redisUrl');

type Random = () => number;

/** A while of turns of the event loop: some, or as many as a few round trips take. */
async function pause(random: Random): Promise<void> {
  for (let turns = Math.floor(random() ** 3 * 40); turns > 0; turns--) await turn();
}

const INVALIDATIONS: readonly ((cache: CacheUnderTest | ReturnType<CacheUnderTest['namespace']>) => Promise<void>)[] = [
  (cache) => cache.delete('key'),
  (cache) => cache.deleteMany(['other', 'key']),
  (cache) => cache.invalidateTags('tag'),
  (cache) => cache.clear(),
  (cache) => cache.set('key', 'v2', 60),
];

interface Schedule {
  readonly random: Random;
  readonly space: string;
  readonly instances: readonly CacheUnderTest[];
  readonly grace: boolean;
}

/** Loads of v1 and later v2 around one write of v2 with an invalidation; what those got who called after that. */
async function play({ random, space, instances, grace }: Schedule): Promise<string[]> {
  let source = 'v1';
  let invalidated = false;
  const late: string[] = [];
  const any = (): ReturnType<CacheUnderTest['namespace']> => instances[Math.floor(random() * instances.length)]!.namespace(space);
  const load = async (): Promise<string> => {
    const value = source;
    await pause(random);
    return value;
  };
  const read = async (): Promise<void> => {
    await pause(random);
    const wasInvalidated = invalidated;
    const value = await any().getOrSet('key', load, { ttl: 60, tags: ['tag'], ...(grace && { grace: 60 }) });
    if (wasInvalidated) late.push(value);
  };
  const write = async (): Promise<void> => {
    await pause(random);
    source = 'v2';
    await pause(random);
    await INVALIDATIONS[Math.floor(random() * INVALIDATIONS.length)]!(any());
    invalidated = true;
    // one at once, which may meet what is still being loaded
    late.push(await any().getOrSet('key', load, { ttl: 60, tags: ['tag'], ...(grace && { grace: 60 }) }));
  };
  await Promise.all([write(), ...Array.from({ length: 4 }, read)]);
  for (const instance of instances) {
    const left = await instance.namespace(space).get('key');
    if (left !== null) late.push(left);
  }
  return late;
}

async function playMany(count: number, seed: number, instances: readonly CacheUnderTest[]): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const random = seededRandom(seed + number);
      for (const value of await play({ random, space: `schedule-${number}`, instances, grace: number % 3 === 0 })) {
        seen[value] = (seen[value] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: 40 }, lane));
  return seen;
}

describe('a load that races a write and its invalidation', () => {
  it('in 10,000 random schedules on three instances never leaves or gives the old value', { timeout: 90_000 }, async () => {
    const options = { redis, keyPrefix: uniquePrefix(), localMaxBytes: 0, commandTimeout: 10_000 };
    await using one = new CacheUnderTest(options);
    await using two = new CacheUnderTest(options);
    await using three = new CacheUnderTest(options);
    const seen = await playMany(10_000, 1, [one, two, three]);
    expect(seen).toEqual({ v2: expect.any(Number) as number });
    expect(seen['v2']).toBeGreaterThan(30_000);
  });

  it('in 1,000 more never on the one instance that has a tier of its own', { timeout: 60_000 }, async () => {
    await using cache = new CacheUnderTest({ redis, keyPrefix: uniquePrefix(), commandTimeout: 10_000 });
    await cache.get('warm');
    await until(() => cache['core'].feed.vouches, { what: 'the tier is used' });
    expect(await playMany(1_000, 50_000, [cache])).toEqual({ v2: expect.any(Number) as number });
  });
});
