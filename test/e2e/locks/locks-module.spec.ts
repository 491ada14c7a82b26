import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DistributedLock, type Lock, RedisAuthModule, WithLock } from '../../../lib/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { until } from '../../support/until.js';

const ttl = '1 minute';

@Injectable()
class Reports {
  @WithLock('report:{0}', { ttl })
  build(id: unknown): Promise<string> {
    return `report ${String(id)}` as never;
  }

  @WithLock('broken', { ttl })
  async fail(): Promise<never> {
    throw new RangeError('its own');
  }
}

let redis: TestRedis;
let client: Redis;
beforeEach(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});
afterEach(async () => {
  client.disconnect();
  await redis.stop();
});

async function start(
  connection: { url: string } | { client: Redis },
): Promise<{ locks: DistributedLock; reports: Reports; close: () => Promise<void> }> {
  const jwt = { secret: 'kT9vPq2LmX7sRw4ZbN8cHd3FgJ6yVa1Q', issuer: 'https://a.example', audience: 'a' };
  const module = await Test.createTestingModule({
    imports: [RedisAuthModule.forRoot({ redis: 'url' in connection ? connection.url : connection, jwt })],
    providers: [Reports],
  }).compile();
  const app = await module.createNestApplication().init();
  return { locks: app.get(DistributedLock), reports: app.get(Reports), close: () => app.close() };
}

describe('locks of an application', () => {
  it('run a method that is not async by itself, and pass on what it throws', async () => {
    const { reports, close } = await start({ url: redis.url });
    expect(await Promise.all([reports.build('a'), reports.build(0n), reports.build(-0)])).toEqual(['report a', 'report 0', 'report 0']);
    for (const odd of [undefined, null, {}, [], Symbol('a'), Number.NaN, true, new Date(), () => 'a', '\ud800'])
      await expect(reports.build(odd)).rejects.toMatchObject({ name: 'InvalidArgumentError', argument: 'key' });
    await expect(reports.fail()).rejects.toBeInstanceOf(RangeError);
    expect(await ask(redis, (asking) => asking.keys('auth:w:*'))).toEqual([]);
    await close();
  });

  it.each(['url', 'client'] as const)('end with it, and so does waiting for them: over a connection given by %s', async (kind) => {
    const { locks, close } = await start(kind === 'url' ? { url: redis.url } : { client });
    const lock = await locks.acquire('job', { ttl });
    const waiting = locks.acquire('job', { ttl, wait: '20s' }).then(
      () => 'obtained',
      (error: unknown) => (error as Error).name,
    );
    await until(async () => (await stateOf('job')).split('\n').length === 3);
    const begun = performance.now();
    await close();
    expect(await waiting).toBe('LockStoreUnavailableError');
    expect(performance.now() - begun).toBeLessThan(3_000);
    await lock[Symbol.asyncDispose]();
    expect(() => lock.assertHeld()).toThrow('released');
    await expect(locks.acquire('other', { ttl })).rejects.toMatchObject({ name: 'LockStoreUnavailableError' });
    if (kind === 'client') expect(await client.ping()).toBe('PONG');
    await until(async () => (await ask(redis, (asking) => asking.pubsub('CHANNELS'))).length === 0);
  });

  it('are the same as those made by hand', async () => {
    const { locks, close } = await start({ url: redis.url });
    const byHand = new DistributedLock({ redis: client });
    const lock: Lock | null = await locks.tryAcquire('job', { ttl });
    expect(await byHand.tryAcquire('job', { ttl })).toBeNull();
    const waiting = byHand.acquire('job', { ttl });
    await until(async () => (await stateOf('job')).split('\n').length === 3);
    expect(await lock!.release()).toBe(true);
    const next = await waiting;
    expect(next.fencingToken > lock!.fencingToken).toBe(true);
    expect([await next.release(), await next.release()]).toEqual([true, false]);
    await expect(next.extend()).rejects.toMatchObject({ name: 'LockLostError', reason: 'released' });
    expect(next.signal.aborted).toBe(false);
    await Promise.all([byHand.close(), close()]);
    expect(await client.ping()).toBe('PONG');
  });
});

async function stateOf(key: string): Promise<string> {
  return ask(redis, async (asking) => (await asking.get((await asking.keys(`auth:w:*}${key}`))[0]!))!);
}
