import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockBusyError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { LocksUnderTest } from '../../support/locks.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
let keyPrefix: string;
let ours: LocksUnderTest;
let theirs: LocksUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  keyPrefix = uniquePrefix();
  ours = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
  theirs = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
});
afterAll(async () => {
  await Promise.all([ours.close(), theirs.close()]);
  await redis.stop();
});

const ttl = '30s';

describe('waiting', () => {
  it('is in vain because the lock is busy, also where it ends before this instance has ever waited', async () => {
    await theirs.acquire('busy', { ttl });
    for (let run = 0; run < 10; run++) {
      await using fresh = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
      await expect(fresh.acquire('busy', { ttl, wait: '1 ms' })).rejects.toBeInstanceOf(LockBusyError);
    }
  });

  it('for a short time gets the lock whose holder and whose other waiters died', async () => {
    await waitOnce(ours);
    const state = await leave('left', { ttl: '1500 ms', waiters: 1 });
    // The lease is over, and who should have been told of it is not there.
    await until(async () => (await ask(redis, (client) => client.pttl(state))) < 9_950);
    const lock = await ours.acquire('left', { ttl, wait: '1s' });
    expect(await lock.release()).toBe(true);
    expect(await ask(redis, (client) => client.exists(state))).toBe(0);
  });

  it('of thousands that died keeps Redis for no longer than a moment', async () => {
    const took: number[] = [];
    for (let run = 0; run < 3; run++) {
      const lock = await ours.acquire('crowded', { ttl });
      await addDeadWaiters(await stateOf('crowded'), 5_000);
      const begun = performance.now();
      expect(await lock.release()).toBe(true);
      took.push(performance.now() - begun);
    }
    // To copy the rest of the queue for each of them took half a second. Others may have the processor, but not each time.
    expect(Math.min(...took)).toBeLessThan(200);
    expect(await ours.tryAcquire('crowded', { ttl })).not.toBeNull();
  });
});

/** So that messages are heard by then. */
async function waitOnce(locks: LocksUnderTest): Promise<void> {
  const lock = await locks.acquire('warm-up', { ttl });
  const waiting = locks.acquire('warm-up', { ttl });
  await until(async () => (await ask(redis, async (client) => client.get(await stateOf('warm-up'))))!.split('\n').length === 3);
  await lock.release();
  await (await waiting).release();
}

/** A lock as it is left by processes that died, one that held it and others that waited for it. */
async function leave(key: string, { ttl: lease, waiters }: { ttl: string; waiters: number }): Promise<string> {
  await theirs.acquire(key, { ttl: lease });
  const state = await stateOf(key);
  await addDeadWaiters(state, waiters);
  await ask(redis, async (client) => client.pexpire(state, (await client.pttl(state)) + 10_000));
  return state;
}

async function addDeadWaiters(state: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, n) => `sABCDEFGHIJKLMNOPQRST.${n} 5000\n`);
  await ask(redis, (client) => client.append(state, lines.join('')));
}

async function stateOf(key: string): Promise<string> {
  const [state] = await ask(redis, (client) => client.keys(`${keyPrefix}w:*}${key}`));
  return state!;
}
