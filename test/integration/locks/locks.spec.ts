import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockBusyError, LockLostError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { LocksUnderTest } from '../../support/locks.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let ours: LocksUnderTest;
let theirs: LocksUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  const keyPrefix = uniquePrefix();
  ours = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
  theirs = new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
});
afterAll(async () => {
  await Promise.all([ours.close(), theirs.close()]);
  await redis.stop();
});

let keys = 0;
const newKey = (): string => `job-${keys++}`;
const ttl = '30s';

describe('a lock', () => {
  it('G5 is had by the first who asks, and by nobody else until it is released', async () => {
    const key = newKey();
    const lock = await ours.tryAcquire(key, { ttl });
    expect(lock).toMatchObject({ key });
    expect(await theirs.tryAcquire(key, { ttl })).toBeNull();
    expect(await ours.tryAcquire(key, { ttl })).toBeNull();
    expect(await lock!.release()).toBe(true);
    expect(await lock!.release()).toBe(false);
    expect(await theirs.tryAcquire(key, { ttl })).not.toBeNull();
  });

  it('G6 of 100 who ask at once exactly one has it', async () => {
    const key = newKey();
    const locks = await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? ours : theirs).tryAcquire(key, { ttl })));
    expect(locks.filter((lock) => lock !== null)).toHaveLength(1);
  });

  it('G11 ends by itself, and its signal aborts before that', async () => {
    const key = newKey();
    const lock = (await ours.tryAcquire(key, { ttl: '1s' }))!;
    lock.assertHeld();
    expect(lock.expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(1_000);
    let heldByOther = false;
    lock.signal.addEventListener('abort', () => (heldByOther = false));
    const next = await until(() => theirs.tryAcquire(key, { ttl }), { every: 1 });
    heldByOther = true;
    expect(lock.signal.aborted).toBe(true);
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
    expect(lock.signal.reason).toMatchObject({ reason: 'expired' });
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    await expect(lock.extend()).rejects.toThrow(LockLostError);
    expect(heldByOther).toBe(true);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
  });

  it('is extended by its holder, to a longer life or a shorter one', async () => {
    const key = newKey();
    const lock = (await ours.tryAcquire(key, { ttl }))!;
    await lock.extend('1 minute');
    expect(lock.expiresAt.getTime() - Date.now()).toBeGreaterThan(50_000);
    await lock.extend('50 ms');
    expect(lock.expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(50);
    expect(await until(() => theirs.tryAcquire(key, { ttl }))).not.toBeNull();
  });

  it('that was deleted or taken is neither extended nor released by who had it', async () => {
    for (const taken of [false, true]) {
      const key = newKey();
      const lock = (await ours.tryAcquire(key, { ttl }))!;
      const [stored] = await ask(redis, (client) => client.keys(`*${key}`));
      await ask(redis, (client) => client.del(stored!));
      const next = taken ? await theirs.tryAcquire(key, { ttl }) : null;
      await expect(lock.extend()).rejects.toMatchObject({ name: 'LockLostError', reason: taken ? 'taken' : 'gone' });
      expect(lock.signal.aborted).toBe(true);
      expect(await lock.release()).toBe(false);
      next?.assertHeld();
      if (taken) expect(await next!.release()).toBe(true);
    }
  });

  it('is released at the end of an await using block', async () => {
    const key = newKey();
    {
      await using lock = await ours.acquire(key, { ttl });
      expect(await theirs.tryAcquire(key, { ttl })).toBeNull();
      lock.assertHeld();
    }
    expect(await theirs.tryAcquire(key, { ttl })).not.toBeNull();
  });

  it('costs two round trips and eight commands', async () => {
    const key = newKey();
    await (await ours.acquire(key, { ttl })).release();
    const { sent, inScripts, total } = await commandsDuring(redis, async () => (await ours.acquire(key, { ttl })).release());
    expect(sent).toEqual({ evalsha: 2 });
    expect(total + Object.values(inScripts).reduce((sum, count) => sum + count)).toBeLessThanOrEqual(8);
  });
});

describe('waiting', () => {
  it('is in order, one after another', async () => {
    const key = newKey();
    const lock = await ours.acquire(key, { ttl });
    const order: number[] = [];
    const waiters = [];
    for (let n = 0; n < 20; n++) {
      waiters.push(
        (n % 2 === 0 ? ours : theirs).acquire(key, { ttl }).then(async (own) => {
          order.push(n);
          await own.release();
        }),
      );
      // Queued before the next one asks.
      await until(async () => (await queued(key)) === n + 1, { every: 1 });
    }
    await lock.release();
    await Promise.all(waiters);
    expect(order).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(await ask(redis, (client) => client.keys(`*${key}`))).toEqual([]);
  });

  it('ends with LockBusyError and leaves nothing in the queue', async () => {
    const key = newKey();
    const lock = await ours.acquire(key, { ttl });
    const begun = performance.now();
    await expect(theirs.acquire(key, { ttl, wait: '100 ms' })).rejects.toMatchObject({ name: 'LockBusyError' });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(99);
    await until(async () => (await queued(key)) === 0);
    await expect(theirs.acquire(key, { ttl, wait: 0 })).rejects.toBeInstanceOf(LockBusyError);
    expect(await lock.release()).toBe(true);
  });

  it('ends with the reason of a signal', async () => {
    const key = newKey();
    const lock = await ours.acquire(key, { ttl });
    const aborting = new AbortController();
    const waiting = theirs.acquire(key, { ttl, signal: aborting.signal });
    await until(async () => (await queued(key)) === 1);
    aborting.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await until(async () => (await queued(key)) === 0);
    await expect(theirs.acquire(key, { ttl, signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once');
    await lock.release();
  });

  it('ends when the lease of a holder ends that does not release', async () => {
    const key = newKey();
    const lost = await ours.acquire(key, { ttl: '150 ms' });
    const [first, second] = [theirs.acquire(key, { ttl }), theirs.acquire(key, { ttl })];
    const lock = await first;
    expect(lock.fencingToken).toBeGreaterThan(lost.fencingToken);
    expect(lost.signal.aborted).toBe(true);
    await lock.release();
    await (await second).release();
  });

  it('gets a whole lease, however long it was', async () => {
    const key = newKey();
    const lock = await ours.acquire(key, { ttl });
    const waiting = theirs.acquire(key, { ttl: '1s' });
    await sleep(800);
    const handedOver = performance.now();
    await lock.release();
    const next = await waiting;
    // times of day are whole milliseconds
    expect(next.expiresAt.getTime() - Date.now()).toBeGreaterThan(1_000 - (performance.now() - handedOver) - 2);
    await next.release();
  });

  it('takes no tokens back: they rise from holder to holder', async () => {
    const key = newKey();
    const tokens: bigint[] = [];
    await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        await using lock = await (n % 2 === 0 ? ours : theirs).acquire(key, { ttl });
        tokens.push(lock.fencingToken);
      }),
    );
    expect(tokens).toHaveLength(200);
    for (let n = 1; n < tokens.length; n++) expect(tokens[n]! > tokens[n - 1]!).toBe(true);
    expect(await withoutTtl(redis)).toEqual([]);
  });
});

async function queued(key: string): Promise<number> {
  return ask(redis, async (client) => {
    const [stored] = await client.keys(`*w:*${key}`);
    return stored === undefined ? 0 : (await client.get(stored))!.split('\n').length - 2;
  });
}
