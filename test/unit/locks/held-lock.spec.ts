import { describe, expect, it } from 'vitest';
import { HeldLock, type LockKeeper } from '../../../lib/locks/held-lock.js';

interface Reply {
  arrive(): void;
  getLost(): void;
}

/** A lock for 30 s, and the replies to its extensions, to come when they are told to. */
function lockAndReplies(): { lock: HeldLock; replies: Reply[] } {
  const replies: Reply[] = [];
  const keeper: LockKeeper = {
    extend: () => new Promise((resolve, reject) => replies.push({ arrive: () => resolve(true), getLost: () => reject(new Error('lost')) })),
    release: () => Promise.resolve(true),
    ended: () => undefined,
  };
  return { lock: new HeldLock('job', 1n, 30_000, performance.now(), keeper), replies };
}

const restMs = (lock: HeldLock): number => lock.expiresAt.getTime() - Date.now();

describe('a lease that is extended twice at once', () => {
  it('is the shorter one that was asked for last, also where its reply is lost', async () => {
    const { lock, replies } = lockAndReplies();
    const [renewal, shorter] = [lock.extend(), lock.extend('3s')];
    replies[0]!.arrive();
    await renewal;
    expect(restMs(lock)).toBeLessThanOrEqual(3_000);
    replies[1]!.getLost();
    await expect(shorter).rejects.toThrow('lost');
    expect(restMs(lock)).toBeLessThanOrEqual(3_000);
    lock.assertHeld();
    await lock.release();
  });

  it('is the longer one that was asked for last', async () => {
    const { lock, replies } = lockAndReplies();
    const both = [lock.extend('3s'), lock.extend('1 minute')];
    for (const reply of replies) reply.arrive();
    await Promise.all(both);
    expect(restMs(lock)).toBeGreaterThan(50_000);
    await lock.release();
  });
});
