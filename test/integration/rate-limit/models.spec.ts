import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOW } from '../../../lib/redis/index.js';
import { DEBIT, USE_ONE } from '../../../lib/rate-limit/bucket.lua.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = clientOf(redis, 30_000);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

/** Far ahead, so that Redis itself expires nothing: what is over has to be told by the scripts. */
const START = Date.now() + 1e12;

/** The scripts as they are, with a clock that stands in a key. */
function withClock(script: unknown): string {
  const { lua } = script as { lua: string };
  expect(lua).toContain(NOW);
  return lua.replace(NOW, "local now = redis.call('GET', 'clock') + 0\n");
}

interface Rule {
  letter: 'g' | 'f' | 's';
  limit: number;
  window: number;
}

/** What is left and how long to wait, after a use that was tried. */
interface Told {
  left: number;
  wait: number;
}

/** The definition of an algorithm, written as plainly as can be, in whole numbers. */
interface Model {
  use(now: number, cost: number): Told;
}

/** A bucket that is `limit` high; each use pours in `cost`, and it leaks `limit` in a window. In units of 1 / window. */
function leakingBucket({ limit, window }: Rule): Model {
  let level = 0n;
  let last = 0;
  const [high, each] = [BigInt(limit) * BigInt(window), BigInt(window)];
  return {
    use(now, cost) {
      level -= BigInt(now - last) * BigInt(limit);
      if (level < 0n) level = 0n;
      last = now;
      const over = level + BigInt(cost) * each - high;
      if (over <= 0n) level += BigInt(cost) * each;
      const wait = over <= 0n ? 0 : Number((over + BigInt(limit) - 1n) / BigInt(limit));
      return { left: Number((high - level) / each), wait };
    },
  };
}

function fixedWindow({ limit, window }: Rule): Model {
  let [begun, used] = [-Infinity, 0];
  return {
    use(now, cost) {
      if (now >= begun + window) [begun, used] = [now, 0];
      const wait = used + cost <= limit ? 0 : begun + window - now;
      if (wait === 0) used += cost;
      return { left: limit - used, wait };
    },
  };
}

function slidingWindow({ limit, window }: Rule): Model {
  let uses: number[] = [];
  return {
    use(now, cost) {
      uses = uses.filter((at) => at > now - window);
      const missing = uses.length + cost - limit;
      const wait = missing <= 0 ? 0 : uses[missing - 1]! + window - now;
      if (wait === 0) uses.push(...Array.from({ length: cost }, () => now));
      return { left: limit - uses.length, wait };
    },
  };
}

const MODELS = { g: leakingBucket, f: fixedWindow, s: slidingWindow };

const rules = (maxLimit: number) =>
  fc.record({
    letter: fc.constantFrom('g' as const, 'f' as const, 's' as const),
    limit: fc.integer({ min: 1, max: maxLimit }),
    window: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5_000 })),
  });
const steps = fc.array(fc.record({ after: fc.oneof(fc.constant(0), fc.nat(40), fc.nat(3_000)), cost: fc.integer({ min: 1, max: 4 }) }), {
  minLength: 1,
  maxLength: 40,
});

let run = 0;

async function used(
  { letter, limit, window }: Rule,
  key: string,
  moves: { after: number; cost: number }[],
  general: boolean,
): Promise<{ now: number; cost: number; told: Told; kept: number }[]> {
  const script = withClock(general ? DEBIT : USE_ONE[letter]);
  const pipeline = client.pipeline();
  let now = START;
  const tried = moves.map(({ after, cost }) => ({ now: (now += after), cost: Math.min(cost, limit) }));
  for (const { now: at, cost } of tried) {
    const field = `${letter}${window}/${limit}`;
    pipeline.set('clock', at);
    pipeline.eval(script, 1, key, ...(general ? ['use', at, field, limit, window, cost] : [at, field, cost]));
    pipeline.pexpiretime(key);
  }
  const replies = (await pipeline.exec())!.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  return tried.map((step, n) => {
    const reply = replies[3 * n + 1] as string | number[];
    const [, left, , wait] = typeof reply === 'string' ? [reply.split(' ')[0], ...reply.split(' ').slice(2)].map(Number) : reply;
    return { ...step, told: { left: left!, wait: wait ?? 0 }, kept: Number(replies[3 * n + 2]) };
  });
}

describe.each([
  ['for one limit', false],
  ['for several', true],
])('the script %s', (_name, general) => {
  it('does what the definition of each algorithm says', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(rules(12), steps, async (rule, moves) => {
        const model = MODELS[rule.letter](rule);
        for (const { now, cost, told, kept } of await used(rule, `model-${++run}`, moves, general)) {
          expect(told).toEqual(model.use(now, cost));
          expect(kept).toBeGreaterThan(0);
        }
      }),
      { numRuns: 120, seed: 42 },
    );
  });
});

it(
  'a sliding window never lets more than its limit through in any window, however much it has to remember',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 150, max: 400 }),
        fc.integer({ min: 200, max: 2_000 }),
        fc.integer({ min: 1, max: 5 }),
        async (limit, window, pace) => {
          const rule: Rule = { letter: 's', limit, window };
          const key = `many-${++run}`;
          const moves = Array.from({ length: 900 }, (_, n) => ({ after: (n * 7919) % (2 * pace), cost: 1 + (n % 3) }));
          const through = (await used(rule, key, moves, false)).filter(({ told }) => told.wait === 0);
          for (const [index, { now }] of through.entries()) {
            let sum = 0;
            for (let n = index; n >= 0 && through[n]!.now > now - window; n--) sum += through[n]!.cost;
            expect(sum).toBeLessThanOrEqual(limit);
          }
          // 257 moments of 9 bytes, and counts
          expect(await client.hstrlen(key, `s${window}/${limit}`)).toBeLessThan(257 * 14);
        },
      ),
      { numRuns: 6, seed: 7 },
    );
  },
);

it.each(['g', 'f'] as const)('%s never lets more than its limit and as much at once through in any window', async (letter) => {
  await fc.assert(
    fc.asyncProperty(rules(12), steps, async (drawn, moves) => {
      const rule = { ...drawn, letter };
      const through = (await used(rule, `bound-${++run}`, moves, false)).filter(({ told }) => told.wait === 0);
      for (const { now } of through) {
        const within = through.filter((use) => use.now > now - rule.window && use.now <= now);
        expect(within.reduce((sum, { cost }) => sum + cost, 0)).toBeLessThanOrEqual(2 * rule.limit);
      }
    }),
    { numRuns: 40, seed: 3 },
  );
});

it.each(['g', 'f', 's'] as const)('a clock of the server that is put back stops nobody for longer than before: %s', async (letter) => {
  const rule = { letter, limit: 2, window: 1_000 };
  const back = [
    { after: 0, cost: 2 },
    { after: -3_600_000, cost: 1 },
    { after: 1_000, cost: 1 },
  ];
  const told = (await used(rule, `back-${letter}`, back, false)).map(({ told: { wait } }) => wait);
  expect(told[0]).toBe(0);
  expect(told[1]).toBeLessThanOrEqual(1_000);
  expect(told[2]).toBeLessThanOrEqual(1_000);
});
