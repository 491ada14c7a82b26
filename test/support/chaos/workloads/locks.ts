import { setTimeout as sleep } from 'node:timers/promises';
import type { Lock } from '../../../../lib/locks/index.js';
import { LocksUnderTest } from '../../locks.js';
import { type LockCall, now } from '../history.js';
import { outcomeOf } from '../recorder.js';
import { every, type Workload, type WorkloadContext } from '../workload.js';

const KEYS = 3;
const TTL_MS = 300;
const TTL = `${TTL_MS}ms`;
const WRITE_EVERY_MS = 12;

/** Sections on a few keys: in turn, tried for, waited for in vain, longer than the lease, and released late. */
export async function locksWorkload(context: WorkloadContext): Promise<Workload> {
  const { options, random, recorder } = context;
  const { redis, keyPrefix, commandTimeout } = options as { redis: string; keyPrefix: string; commandTimeout: number };
  const locks = new LocksUnderTest({ redis, keyPrefix, commandTimeout });

  /** At each write the lock was held, as far as its holder can know. */
  async function write(key: string, lock: Lock, forMs: number): Promise<void> {
    const fence = Number(lock.fencingToken);
    const until = now() + forMs;
    while (now() < until) {
      const at = now();
      // what it says now held then, too
      lock.assertHeld();
      recorder.note<LockCall>({ does: 'write', start: at, end: at, outcome: 'ok', key, fence });
      await sleep(WRITE_EVERY_MS);
    }
  }

  const told = (lock: Lock | null): Partial<LockCall> => (lock === null ? {} : { fence: Number(lock.fencingToken) });

  /** Its end is looked at as long as it is held, and it is released whether or not it is. */
  async function section(key: string, lock: Lock, forMs: number): Promise<void> {
    await write(key, lock, forMs).catch(() => undefined);
    await recorder.record<LockCall, boolean>('release', { key, fence: Number(lock.fencingToken) }, () => lock.release());
  }

  async function act(): Promise<void> {
    const key = `section-${Math.floor(random() * KEYS)}`;
    const roll = random() * 100;
    const forMs = 20 + random() * 120;
    if (roll < 40) {
      const start = now();
      const using = locks.using(key, { ttl: TTL, wait: '2s' }, async (lock) => {
        recorder.note<LockCall>({ does: 'lock', start, end: now(), outcome: 'ok', key, fence: Number(lock.fencingToken) });
        await write(key, lock, forMs);
      });
      await using.catch((error: unknown) => {
        recorder.note<LockCall>({ does: 'lock', start, end: now(), outcome: outcomeOf(error), key });
      });
      return;
    }
    const obtain = (): Promise<Lock | null> => {
      if (roll < 60) return locks.tryAcquire(key, { ttl: TTL });
      // many wait in vain: who gives up must not end the lock of another
      return locks.acquire(key, { ttl: TTL, wait: roll < 85 ? '150ms' : '2s' });
    };
    const lock = await recorder.record<LockCall, Lock | null>('lock', { key }, obtain, told);
    if (lock === null || lock === undefined) return;
    // now and then beyond the end of the lease, so that the release comes when others hold it
    await section(key, lock, roll > 95 || roll < 44 ? TTL_MS * 1.3 : forMs);
  }

  const stop = every(40, context, () => {
    const running = act();
    recorder.pending.add(running);
    return running.finally(() => recorder.pending.delete(running));
  });
  return { rest: stop, [Symbol.asyncDispose]: () => locks[Symbol.asyncDispose]() };
}
