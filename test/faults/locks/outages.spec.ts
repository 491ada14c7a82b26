import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockBusyError, LockStoreUnavailableError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { LocksUnderTest } from '../../support/locks.js';
import { captureLog, rejection } from '../../support/open-connection.js';
import { PackageProgram } from '../../support/package-program.js';
import { FaultProxy } from '../../support/proxy.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';

const COMMAND_TIMEOUT_MS = 500;
const ttl = '30s';

captureLog();

let redis: TestRedis;
let proxy: FaultProxy;
let ours: LocksUnderTest;
let direct: LocksUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  proxy = await FaultProxy.open(redis.url);
  ours = new LocksUnderTest({ redis: proxy.url, commandTimeout: COMMAND_TIMEOUT_MS });
  direct = new LocksUnderTest({ redis: redis.url });
});
afterEach(async () => {
  await Promise.all([ours.close(), direct.close()]);
  await proxy.close();
  await redis.stop();
});

describe('while Redis cannot be asked', () => {
  const faults: Record<string, () => Promise<void> | void> = {
    'refuses connections': () => proxy.refuse(),
    'accepts and closes': () => proxy.acceptThenClose(),
    'is silent': () => proxy.silence(),
  };
  it.each(Object.keys(faults))('every call settles in time with LockStoreUnavailableError: it %s', async (name) => {
    const lock = await ours.acquire('held', { ttl });
    const other = await ours.acquire('disposed', { ttl });
    await faults[name]!();
    const calls = {
      tryAcquire: () => ours.tryAcquire('a', { ttl }),
      acquire: () => ours.acquire('a', { ttl, wait: '100 ms' }),
      'of a group': () => ours.acquire({ group: 'g', keys: ['a'] }, { ttl, wait: '100 ms' }),
      using: () => ours.using('a', { ttl, wait: '100 ms' }, async () => undefined),
      extend: () => lock.extend(),
      release: () => lock.release(),
    };
    await Promise.all(
      Object.values(calls).map(async (call) => {
        const { error, ms } = await rejection(call);
        expect(error).toBeInstanceOf(LockStoreUnavailableError);
        expect(ms).toBeLessThan(COMMAND_TIMEOUT_MS + 100 + 250);
      }),
    );
    await other[Symbol.asyncDispose]();
    await proxy.heal();
    expect(await until(() => ours.tryAcquire('b', { ttl }))).toBeTruthy();
  });

  it('a lock whose release failed can be released again', async () => {
    const lock = await ours.acquire('held', { ttl });
    await proxy.refuse();
    await expect(lock.release()).rejects.toBeInstanceOf(LockStoreUnavailableError);
    await proxy.heal();
    expect(await until(() => lock.release())).toBe(true);
    expect(await direct.tryAcquire('held', { ttl })).not.toBeNull();
  });

  it('who waits goes on waiting, and gets the lock that came free meanwhile', async () => {
    const lock = await direct.acquire('busy', { ttl });
    const waiting = ours.acquire('busy', { ttl });
    await untilQueued('busy', 1);
    await ours.client.ping();
    await proxy.refuse();
    expect(await lock.release()).toBe(true);
    await proxy.heal();
    (await waiting).assertHeld();
    expect(await direct.tryAcquire('busy', { ttl })).toBeNull();
  });

  it('who has waited in vain is told that Redis was away, not that the lock was busy', async () => {
    const lock = await direct.acquire('busy', { ttl });
    const waiting = rejection(() => ours.acquire('busy', { ttl, wait: '2s' }));
    await untilQueued('busy', 1);
    await ours.client.ping();
    proxy.acceptThenClose();
    expect((await waiting).error).toBeInstanceOf(LockStoreUnavailableError);
    lock.assertHeld();
  });
});

describe('a lost reply', () => {
  const isTake = ([name, , , , , ttlMs]: string[]): boolean => /^evalsha$/i.test(name!) && ttlMs === '200';

  it('of an acquisition is told as ambiguous, and the lock is free once its ttl is over', async () => {
    for (let run = 0; run < 20; run++) {
      const call =
        run % 2 === 0 ? () => ours.tryAcquire(`job-${run}`, { ttl: '200 ms' }) : () => ours.acquire(`job-${run}`, { ttl: '200 ms' });
      await until(() => ours.tryAcquire(`warm-${run}`, { ttl: '1s' }));
      const dropped = proxy.dropNextReply(isTake);
      const {
        result: lock,
        error,
        ms,
      } = await settledIn(async () => {
        await expect(call()).rejects.toMatchObject({ name: 'LockStoreUnavailableError', ambiguous: true });
        await dropped;
        return direct.acquire(`job-${run}`, { ttl: '1s', wait: '2s' });
      });
      expect(error).toBeUndefined();
      expect(ms).toBeLessThan(200 + 250);
      await lock!.release();
    }
  });

  it('of who was queued leaves nobody in the way', async () => {
    const lock = await direct.acquire('busy', { ttl: '10s' });
    await ours.acquire('busy', { ttl: '200 ms', wait: '50 ms' }).catch(() => undefined);
    const dropped = proxy.dropNextReply(isTake);
    await expect(ours.acquire('busy', { ttl: '200 ms' })).rejects.toMatchObject({ ambiguous: true });
    await dropped;
    await lock.release();
    await (await direct.acquire('busy', { ttl, wait: '5s' })).release();
  });

  it('of a release frees the lock all the same', async () => {
    await (await ours.acquire('job', { ttl })).release();
    const lock = await ours.acquire('job', { ttl });
    const dropped = proxy.dropNextReply(([name]) => /^eval/i.test(name!));
    await expect(lock.release()).rejects.toMatchObject({ name: 'LockStoreUnavailableError', ambiguous: true });
    await dropped;
    expect(await direct.tryAcquire('job', { ttl })).not.toBeNull();
    expect(await until(async () => ({ released: await lock.release() }))).toEqual({ released: false });
  });
});

describe('a waiter that does not hear', () => {
  it('because its link was cut gets the lock when it is back', async () => {
    for (let run = 0; run < 10; run++) {
      const lock = await direct.acquire('busy', { ttl });
      const waiting = ours.acquire('busy', { ttl, wait: '5s' });
      await untilQueued('busy', 1);
      const [killed, released] = await Promise.all([
        ask(redis, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')),
        lock.release(),
      ]);
      expect([Number(killed) > 0, released]).toEqual([true, true]);
      const next = await waiting;
      next.assertHeld();
      await next.release();
    }
  });

  it('because it is dead is passed over', async () => {
    await using program = await PackageProgram.write(`
      import { DistributedLock } from './lib/locks/index.js';
      const { redis } = JSON.parse(process.argv[2]);
      const locks = new DistributedLock({ redis });
      await locks.acquire('short', { ttl: '1s' });
      console.log('holds');
      await locks.acquire('busy', { ttl: '1 minute', wait: '1 minute' });`);
    const child = program.start({ redis: redis.url });
    const lock = await direct.acquire('busy', { ttl });
    expect(await child.hear()).toBe('holds');
    await untilQueued('busy', 1);
    const [next, short] = [ours.acquire('busy', { ttl, wait: '5s' }), ours.acquire('short', { ttl, wait: '5s' })];
    await untilQueued('busy', 2);
    child.child.kill('SIGKILL');
    await until(async () => (await ask(redis, (client) => client.pubsub('CHANNELS'))).length === 1);
    await lock.release();
    await (await next).release();
    await (await short).release();
  });

  it('any more gives back the lock that it did not wait for', async () => {
    const lock = await direct.acquire('busy', { ttl });
    const waiting = rejection(() => ours.acquire('busy', { ttl, wait: '1500 ms' }));
    await untilQueued('busy', 1);
    // Its leaving is lost, so that it stays in the queue.
    const dropped = proxy.dropNextRequest(([name, , count, , , ...rest]) => /^evalsha$/i.test(name!) && count === '1' && rest.length === 0);
    expect((await waiting).error).toBeInstanceOf(LockBusyError);
    await dropped;
    expect(await queued('busy')).toBe(1);
    await until(async () => (await ask(redis, (client) => client.pubsub('CHANNELS'))).length === 1);
    await lock.release();
    expect(await until(() => direct.tryAcquire('busy', { ttl }))).toBeTruthy();
  });

  it('because nobody may subscribe is told so', async () => {
    await using guarded = await startRedis({ users: ['app on >secret ~auth:* +@all resetchannels'] });
    await using locks = new LocksUnderTest({ redis: guarded.url.replace(/\/\/[^@]*@|\/\//, '//app:secret@') });
    const lock = await locks.acquire('free', { ttl });
    const { error } = await rejection(() => locks.acquire('free', { ttl }));
    expect(error).toBeInstanceOf(LockStoreUnavailableError);
    expect(String(error.cause)).toContain('NOPERM');
    expect(await lock.release()).toBe(true);
  });
});

it('a Redis that is full gives no new lock, and keeps, hands over and ends those there are', async () => {
  const lock = await direct.acquire('busy', { ttl });
  const shared = await direct.acquire({ group: 'busy', keys: ['a'] }, { ttl });
  const waiting = ours.acquire('busy', { ttl });
  await untilQueued('busy', 1);
  await ask(redis, (client) => client.config('SET', 'maxmemory', 1));
  await expect(direct.tryAcquire('new', { ttl })).rejects.toMatchObject({ name: 'LockStoreUnavailableError', ambiguous: false });
  await lock.extend();
  await shared.extend();
  expect([await lock.release(), await shared.release()]).toEqual([true, true]);
  expect(await (await waiting).release()).toBe(true);
});

it('closing ends all waiting', async () => {
  const lock = await direct.acquire('busy', { ttl });
  const waiting = rejection(() => ours.acquire('busy', { ttl }));
  await untilQueued('busy', 1);
  await ours.close();
  expect((await waiting).error).toBeInstanceOf(LockStoreUnavailableError);
  await lock.release();
  expect(await direct.tryAcquire('busy', { ttl })).not.toBeNull();
});

async function queued(key: string): Promise<number> {
  const stored = await ask(redis, async (client) => client.get((await client.keys(`auth:w:*${key}`))[0] ?? 'none'));
  return stored === null ? 0 : stored.split('\n').length - 2;
}

async function untilQueued(key: string, count: number): Promise<void> {
  await until(async () => (await queued(key)) === count, { every: 2 });
}
