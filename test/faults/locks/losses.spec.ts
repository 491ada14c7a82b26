import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockLostError } from '../../../lib/errors/index.js';
import type { Lock } from '../../../lib/locks/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { LocksUnderTest } from '../../support/locks.js';
import { scaled } from '../../support/scale.js';
import { Lateness } from '../../support/settled-in.js';
import { until } from '../../support/until.js';

const RUNS = scaled(20, 100);
const TTL_MS = 1_000;
const ttl = '1s';

let redis: TestRedis;
let ours: LocksUnderTest;
let theirs: LocksUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  ours = new LocksUnderTest({ redis: redis.url });
  theirs = new LocksUnderTest({ redis: redis.url });
});
afterEach(async () => {
  await redis.resume();
  await Promise.all([ours.close(), theirs.close()]);
  await redis.stop();
});

/** Ms from now on; no timer is in time while the event loop stands still, which is left out. */
function stopwatch(): () => number {
  const start = performance.now();
  const lateness = new Lateness();
  return () => performance.now() - start - lateness.stop();
}

function aborted({ signal }: Lock): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

/** A lock, and how long after the latest moment at which its lease may have begun its signal aborted. */
interface Watched {
  lock: Lock;
  abortedAfter: Promise<number>;
}

async function hold(key: string): Promise<Watched> {
  const elapsed = stopwatch();
  const lock = (await ours.tryAcquire(key, { ttl }))!;
  return { lock, abortedAfter: aborted(lock).then(elapsed) };
}

async function holdAll(): Promise<Watched[]> {
  return Promise.all(Array.from({ length: RUNS }, (_, n) => hold(`job-${n}`)));
}

async function removeAll(): Promise<void> {
  await ask(redis, async (client) => client.del(...(await client.keys('auth:w:*'))));
}

async function expectInTime(held: readonly Watched[]): Promise<void> {
  for (const { lock, abortedAfter } of held) {
    expect(await abortedAfter).toBeLessThan(TTL_MS);
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
  }
}

describe('the signal aborts before the lease ends', () => {
  it('when the keys are deleted', async () => {
    const held = await holdAll();
    await removeAll();
    await expectInTime(held);
  });

  it('when others have taken the locks', async () => {
    const held = await holdAll();
    await removeAll();
    const taken = await Promise.all(held.map(({ lock }) => theirs.tryAcquire(lock.key, { ttl: '1 minute' })));
    await expectInTime(held);
    for (const { lock } of held) expect(await lock.release()).toBe(false);
    for (const lock of taken) lock!.assertHeld();
  });

  it('when Redis has stopped', async () => {
    const held = await holdAll();
    await redis.pause();
    await expectInTime(held);
  });

  it('when Redis was killed', async () => {
    const held = await holdAll();
    await redis.kill();
    await expectInTime(held);
  });
});

describe('using', () => {
  async function lostWithin(harm: () => Promise<unknown>): Promise<void> {
    let entered = 0;
    let tell: () => void;
    const harmed = new Promise<void>((resolve) => (tell = resolve));
    const runs = Array.from({ length: RUNS }, async (_, n) => {
      const running = ours.using(`job-${n}`, { ttl }, async (lock) => {
        const lost = aborted(lock);
        if (++entered === RUNS) void harm().then(tell);
        await harmed;
        const elapsed = stopwatch();
        await lost;
        expect(elapsed()).toBeLessThan(TTL_MS);
      });
      await expect(running).rejects.toBeInstanceOf(LockLostError);
    });
    await Promise.all(runs);
  }

  it('notices at the next renewal that the keys were deleted', () => lostWithin(removeAll));

  it('notices at the next renewal that others have taken the locks', () =>
    lostWithin(async () => {
      await removeAll();
      await Promise.all(Array.from({ length: RUNS }, (_, n) => theirs.tryAcquire(`job-${n}`, { ttl: '1 minute' })));
    }));

  it('is told by its own clock that Redis has stopped', () => lostWithin(() => redis.pause()));

  it('outlives an outage that is shorter than the lease', async () => {
    const tokens = await ours.using('job', { ttl: '3s' }, async (lock) => {
      const ends = lock.expiresAt.getTime();
      await redis.pause();
      // Renewals are lost meanwhile.
      await until(() => ends - Date.now() < 1_700);
      await redis.resume();
      await until(() => lock.expiresAt.getTime() > ends);
      lock.assertHeld();
      return lock.fencingToken;
    });
    expect(tokens).toBeGreaterThan(0n);
  });

  it('keeps the result of a function that ended within its lease, whatever became of Redis', async () => {
    const result = await ours.using('job', { ttl }, async () => {
      await redis.kill();
      return 'done';
    });
    expect(result).toBe('done');
  });
});

describe('a process that stood still for longer than the lease', () => {
  it('is told by assertHeld at once, and by the signal in the next timer phase', async () => {
    for (let run = 0; run < RUNS; run++) {
      const lock = (await ours.tryAcquire(`job-${run}`, { ttl: '50 ms' }))!;
      const { signal } = lock;
      block(55);
      expect(() => lock.assertHeld()).toThrow(LockLostError);
      expect(signal.aborted).toBe(true);
      const other = (await ours.tryAcquire(`other-${run}`, { ttl: '50 ms' }))!;
      const { signal: unasked } = other;
      block(55);
      await new Promise((resolve) => setTimeout(resolve, 0));
      expect(unasked.aborted).toBe(true);
    }
  });

  it('does not have its work taken for protected', async () => {
    const running = ours.using('job', { ttl: '60 ms' }, async () => {
      block(80);
      return 'late';
    });
    await expect(running).rejects.toMatchObject({ name: 'LockLostError', reason: 'expired' });
  });
});

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
