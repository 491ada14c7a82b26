import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockBusyError, LockLostError, LockStoreUnavailableError } from '../../../lib/errors/index.js';
import type { Lock, LockTarget } from '../../../lib/locks/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { LocksUnderTest } from '../../support/locks.js';
import { captureLog } from '../../support/open-connection.js';
import { seededRandom } from '../../support/seeded-random.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

captureLog();

const CLIENTS = 6;
const ACQUISITIONS = 150;

let redis: TestRedis;
let clients: LocksUnderTest[];
beforeEach(async () => {
  redis = await startRedis();
  clients = Array.from({ length: CLIENTS }, () => new LocksUnderTest({ redis: redis.url }));
});
afterEach(async () => {
  await Promise.all(clients.map((locks) => locks.close()));
  await redis.stop();
});

/** Who believes to hold what, of all clients, by their own word. */
class Believers {
  most = 0;
  obtained = 0;
  private readonly locks = new Map<string, Lock[]>();
  private readonly tokens = new Map<string, bigint>();

  constructor(private readonly permits: number) {}

  add(names: readonly string[], lock: Lock): void {
    this.obtained++;
    for (const name of names) {
      const held = [...(this.locks.get(name) ?? []), lock].filter(isHeld);
      this.locks.set(name, held);
      this.most = Math.max(this.most, held.length);
      expect(held.length).toBeLessThanOrEqual(this.permits);
      if (this.permits > 1) continue;
      expect(lock.fencingToken > (this.tokens.get(name) ?? 0n)).toBe(true);
      this.tokens.set(name, lock.fencingToken);
    }
  }
}

function isHeld(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}

/** What may happen to a lock in any order: waits that end, signals, leases that end while it is held, extensions, links that are cut. */
async function work(
  seed: number,
  locks: LocksUnderTest,
  believers: Believers,
  target: (pick: number) => [LockTarget, string[]],
  permits: number,
) {
  const random = seededRandom(seed);
  const ms = (from: number, to: number): string => `${Math.round(from + random() * (to - from))} ms`;
  while (believers.obtained < ACQUISITIONS) {
    const [key, names] = target(random());
    try {
      const options = { ttl: ms(30, 120), permits: permits };
      const lock =
        random() < 0.2
          ? await locks.tryAcquire(key, options)
          : await locks.acquire(key, {
              ...options,
              wait: ms(1, 300),
              ...(random() < 0.2 && { signal: AbortSignal.timeout(Math.ceil(random() * 40)) }),
            });
      if (lock === null) continue;
      believers.add(names, lock);
      if (random() < 0.3) await lock.extend(ms(15, 90));
      await sleep(random() * (random() < 0.1 ? 150 : 6));
      if (random() < 0.05) await ask(redis, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
      if (random() < 0.85) await lock.release();
    } catch (error) {
      const isExpected =
        error instanceof LockBusyError ||
        error instanceof LockLostError ||
        error instanceof LockStoreUnavailableError ||
        (error as Error).name === 'TimeoutError';
      if (isExpected) continue;
      // The others need not go on.
      believers.obtained = ACQUISITIONS;
      throw error;
    }
  }
}

const GROUPS = [['a'], ['b'], ['a', 'b'], ['b', 'c'], ['a', 'b', 'c']];

describe('whatever happens in whatever order', () => {
  it.each<[string, number, (pick: number) => [LockTarget, string[]]]>([
    ['a key has one holder', 1, () => ['hot', ['hot']]],
    ['each key of a group has one holder', 1, (pick) => pickGroup(pick)],
    ['a key of three permits has three holders', 3, () => ['hot', ['hot']]],
  ])('%s at most, and nothing is left of it', async (_name, permits, target) => {
    const believers = new Believers(permits);
    await Promise.all(clients.map((locks, n) => work(n + 1, locks, believers, target, permits)));
    expect(believers.most).toBe(permits);
    expect(await withoutTtl(redis)).toEqual([]);
    await until(async () => (await ask(redis, (client) => client.keys('*'))).every((key) => key.startsWith('auth:f:')), { within: 14_000 });
  });
});

function pickGroup(pick: number): [LockTarget, string[]] {
  const keys = GROUPS[Math.floor(pick * GROUPS.length)]!;
  return [{ group: 'g', keys }, keys];
}
