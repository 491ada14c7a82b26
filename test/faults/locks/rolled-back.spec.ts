import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Lock } from '../../../lib/locks/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { LocksUnderTest } from '../../support/locks.js';
import { captureLog } from '../../support/open-connection.js';
import { until } from '../../support/until.js';

captureLog();

const ttl = '2s';

let redis: TestRedis;
let locks: LocksUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  locks = new LocksUnderTest({ redis: redis.url });
});
afterEach(async () => {
  await locks.close();
  await redis.stop();
});

/** What a replica does that has not heard of everything when it becomes master: Redis goes on from an older state. */
async function rollBack(): Promise<void> {
  await redis.kill();
  await redis.restart({ keepData: true });
}

const save = (): Promise<string> => ask(redis, (client) => client.save());

/** Waits in the queue by the time that this resolves. */
async function queue(key: string, behind: number): Promise<{ lock: Promise<Lock> }> {
  const lock = locks.acquire(key, { ttl, wait: '5s' });
  await until(async () => {
    const state = await ask(redis, async (client) => client.get((await client.keys(`auth:w:*${key}`))[0]!));
    return state!.split('\n').length === behind + 3;
  });
  return { lock };
}

it('fencing tokens of a free lock rise also where Redis goes on from an older state', async () => {
  await (await locks.acquire('job', { ttl })).release();
  await save();
  let last = 0n;
  for (let n = 0; n < 20; n++) {
    const lock = await locks.acquire('job', { ttl });
    last = lock.fencingToken;
    await lock.release();
  }
  await rollBack();
  const next = await until(() => locks.tryAcquire('job', { ttl }).catch(() => null));
  expect(next.fencingToken > last).toBe(true);
});

it('fencing tokens of a lock that is handed on rise also where Redis goes on from an older state', async () => {
  const first = await locks.acquire('busy', { ttl });
  const second = await queue('busy', 0);
  await first.release();
  let holder = await second.lock;
  await save();
  for (let n = 0; n < 3; n++) {
    const next = await queue('busy', 0);
    await holder.release();
    holder = await next.lock;
  }
  await rollBack();
  const next = await locks.acquire('busy', { ttl, wait: '5s' }).catch(() => locks.acquire('busy', { ttl, wait: '5s' }));
  expect(next.fencingToken > holder.fencingToken).toBe(true);
});

it('fencing tokens rise also while the server’s clock is behind them', async () => {
  await (await locks.acquire('late', { ttl })).release();
  const ahead = BigInt(Date.now() + 3_600_000) * 1_000n;
  await ask(redis, async (client) => client.set((await client.keys('auth:f:*'))[0]!, String(ahead), 'PX', 60_000));
  const first = await locks.acquire('late', { ttl });
  expect(first.fencingToken).toBe(ahead + 1n);
  const second = await queue('late', 0);
  await first.release();
  const handedOver = await second.lock;
  expect(handedOver.fencingToken > first.fencingToken).toBe(true);
  await handedOver.release();
  const last = await locks.acquire('late', { ttl });
  expect(last.fencingToken > handedOver.fencingToken).toBe(true);
  expect(last.fencingToken - ahead < 100n).toBe(true);
});
