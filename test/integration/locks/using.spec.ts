import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, LockBusyError, LockLostError } from '../../../lib/errors/index.js';
import { currentLock, DistributedLock, type Lock, WithLock } from '../../../lib/locks/index.js';
import { instanceToken } from '../../../lib/options/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { LocksUnderTest } from '../../support/locks.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
let ours: LocksUnderTest;
let theirs: LocksUnderTest;
let keyPrefix: string;
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

let keys = 0;
const newKey = (): string => `job-${keys++}`;
const ttl = '30s';

describe('using', () => {
  it('returns what the function resolves with and has released by then', async () => {
    const key = newKey();
    expect(await ours.using(key, { ttl }, async (lock) => lock.key)).toBe(key);
    expect(await theirs.tryAcquire(key, { ttl })).not.toBeNull();
    await expect(ours.using(newKey(), { ttl }, () => Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  });

  it('renews for as long as the function runs', async () => {
    const key = newKey();
    await ours.using(key, { ttl: '1500 ms' }, async (lock) => {
      const ends = lock.expiresAt.getTime();
      await until(() => lock.expiresAt.getTime() > ends + 2_000, { every: 5 });
      expect(await theirs.tryAcquire(key, { ttl })).toBeNull();
      lock.assertHeld();
    });
    expect(await ask(redis, (client) => client.keys(`*${key}`))).toEqual([]);
  });

  it('does not renew once it is over', async () => {
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => ours.using(`short-${n}`, { ttl: '30 ms' }, () => sleep(Math.floor(n / 10))).catch(lostOnly)),
    );
    const witness = (await ours.tryAcquire(newKey(), { ttl: '100 ms' }))!;
    await until(() => witness.signal.aborted);
    expect(await ask(redis, (client) => client.keys('*short-*'))).toEqual([]);
  });

  it('rejects with LockLostError when the lock was lost, whatever the function came to', async () => {
    for (const fails of [false, true]) {
      const key = newKey();
      const running = ours.using(key, { ttl: '3s' }, async (lock) => {
        await remove(key);
        await until(() => lock.signal.aborted);
        if (fails) throw new Error('of no account');
      });
      await expect(running).rejects.toMatchObject({ name: 'LockLostError', reason: 'gone' });
    }
  });

  it('rejects with LockLostError also where nobody had noticed yet', async () => {
    const key = newKey();
    await expect(ours.using(key, { ttl }, async () => remove(key))).rejects.toBeInstanceOf(LockLostError);
  });

  it('leaves a lock alone that the function has released', async () => {
    const key = newKey();
    expect(await ours.using(key, { ttl }, (lock) => lock.release())).toBe(true);
  });

  it('waits as acquire does', async () => {
    const key = newKey();
    const lock = await theirs.acquire(key, { ttl });
    await expect(ours.using(key, { ttl, wait: '50 ms' }, async () => undefined)).rejects.toBeInstanceOf(LockBusyError);
    const waiting = ours.using(key, { ttl }, async () => 'ran');
    await lock.release();
    expect(await waiting).toBe('ran');
  });
});

describe('re-entrance', () => {
  it('lets in at once who holds the lock already, however deep', async () => {
    const key = newKey();
    const tokens = await ours.using(key, { ttl }, async (outer) => {
      const inner = await ours.using(key, { ttl, wait: 0 }, (lock) =>
        ours.using(key, { ttl, wait: 0 }, async (innermost) => [lock.fencingToken, innermost.fencingToken]),
      );
      expect(await theirs.tryAcquire(key, { ttl })).toBeNull();
      return [outer.fencingToken, ...inner];
    });
    expect(new Set(tokens).size).toBe(1);
  });

  it('keeps siblings apart, within a lock and outside', async () => {
    const key = newKey();
    let inside = 0;
    const enter = (): Promise<void> =>
      ours.using(key, { ttl }, async () => {
        expect(++inside).toBe(1);
        await sleep(5);
        inside--;
      });
    await Promise.all([enter(), enter(), enter()]);
    await ours.using(key, { ttl }, () => Promise.all([enter(), enter(), enter()]));
    await ours.using(key, { ttl }, async () => {
      const [leave, left] = signal();
      const slow = ours.using(key, { ttl }, () => left);
      await expect(ours.using(key, { ttl, wait: '10 ms' }, async () => undefined)).rejects.toBeInstanceOf(LockBusyError);
      leave();
      await slow;
    });
  });

  it('is given up when a signal aborts', async () => {
    const key = newKey();
    const enter = (signal: AbortSignal): Promise<string> => ours.using(key, { ttl, signal }, async () => 'entered');
    await ours.using(key, { ttl }, async () => {
      await expect(enter(AbortSignal.abort(new Error('at once')))).rejects.toThrow('at once');
      const [leave, left] = signal();
      const inside = ours.using(key, { ttl }, () => left);
      const aborting = new AbortController();
      const waiting = enter(aborting.signal);
      aborting.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      leave();
      await inside;
    });
  });

  it('is of that lock and that DistributedLock alone, and ends with the function', async () => {
    const key = newKey();
    let later!: () => Promise<unknown>;
    await ours.using(key, { ttl }, async () => {
      await expect(theirs.using(key, { ttl, wait: '20 ms' }, async () => undefined)).rejects.toBeInstanceOf(LockBusyError);
      await expect(ours.acquire(key, { ttl, wait: '20 ms' })).rejects.toBeInstanceOf(LockBusyError);
      const [resume, resumed] = signal();
      const detached = resumed.then(() => ours.using(key, { ttl, wait: '20 ms' }, async () => 'entered'));
      later = () => {
        resume();
        return detached;
      };
    });
    const lock = await theirs.acquire(key, { ttl });
    await expect(later()).rejects.toBeInstanceOf(LockBusyError);
    await lock.release();
  });
});

@Injectable()
class Reports {
  inside = 0;
  most = 0;
  lock: Lock | undefined;
  work: () => Promise<unknown> = () => sleep(5);

  @WithLock('reports:{0}:{1.name}', { ttl: '5s' })
  async build(id: string | number, options: { name: string }): Promise<string> {
    this.most = Math.max(this.most, ++this.inside);
    this.lock = currentLock();
    await this.work();
    this.inside--;
    return `${id} ${options.name}`;
  }

  @WithLock('reports:{0}:own', { ttl: '5s', wait: 0 })
  async rebuild(id: string): Promise<string> {
    return this.build(id, { name: 'own' });
  }

  @WithLock('reports:{0}', { ttl: '5s', wait: 0, instance: 'admin' })
  async archive(_id: string): Promise<string> {
    return currentLock()!.key;
  }
}

describe('@WithLock', () => {
  async function reports(): Promise<{ reports: Reports; close: () => Promise<void> }> {
    // Nest closes them with the application.
    const open = (): DistributedLock => new LocksUnderTest({ redis: redis.url, keyPrefix, commandTimeout: 10_000 });
    @Module({
      providers: [Reports, { provide: DistributedLock, useFactory: open }, { provide: instanceToken('locks', 'admin'), useFactory: open }],
    })
    class App {}
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    return { reports: app.get(Reports), close: () => app.close() };
  }

  it('runs the method with the lock of its arguments', async () => {
    const { reports: service, close } = await reports();
    expect(await Promise.all([service.build(7, { name: 'a' }), service.build('7', { name: 'a' })])).toEqual(['7 a', '7 a']);
    expect(service.most).toBe(1);
    expect(service.lock!.key).toBe('reports:7:a');
    expect(currentLock()).toBeUndefined();
    service.work = () => until(() => service.most === 2, { what: 'both are inside' });
    await Promise.all([service.build(1, { name: 'a' }), service.build(2, { name: 'a' })]);
    await close();
  });

  it('enters a lock that is held already, and takes the named instance', async () => {
    const { reports: service, close } = await reports();
    expect(await service.rebuild('7')).toBe('7 own');
    const lock = await theirs.acquire('reports:8', { ttl });
    await expect(service.archive('8')).rejects.toBeInstanceOf(LockBusyError);
    await lock.release();
    expect(await service.archive('8')).toBe('reports:8');
    await close();
  });

  it('refuses arguments that no key can hold, wrong options, and objects that Nest did not make', async () => {
    const { reports: service, close } = await reports();
    await expect(service.build({} as string, { name: 'a' })).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(service.build('7', undefined as never)).rejects.toBeInstanceOf(InvalidArgumentError);
    for (const options of [{ ttl: '5' }, { ttl: '5 ms' }, { ttl, wait: 'soon' }])
      expect(() => WithLock('a', options)).toThrow(InvalidArgumentError);
    await expect(new Reports().build('7', { name: 'a' })).rejects.toThrow('not made by Nest');
    await close();
  });
});

async function remove(key: string): Promise<void> {
  await ask(redis, async (client) => client.del(...(await client.keys(`*${key}`))));
}

function signal(): [() => void, Promise<void>] {
  let resolve!: () => void;
  const promise = new Promise<void>((resolved) => (resolve = resolved));
  return [resolve, promise];
}

function lostOnly(error: unknown): void {
  // On a busy machine a lease of 30 ms may end before it is renewed.
  expect(error).toBeInstanceOf(LockLostError);
}
