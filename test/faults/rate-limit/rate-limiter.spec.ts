import { afterEach, describe, expect, it } from 'vitest';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { StoreUnavailableError } from '../../../lib/errors/index.js';
import { RateLimiter, type RateLimiterOptions } from '../../../lib/rate-limit/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';

const rule = { limit: 40, window: '1h' };
const log = captureLog();
afterEach(() => {
  log.length = 0;
});

async function open(redis: string, options: RateLimiterOptions = {}): Promise<RateLimiter & AsyncDisposable> {
  const limiter = new RateLimiter({ redis, instances: 4, ...options });
  return Object.assign(limiter, { [Symbol.asyncDispose]: () => limiter.close() });
}

/** How many of so many are allowed, one after the other, and the longest that any took. */
async function tried(limiter: RateLimiter, key: string, times: number): Promise<{ allowed: number; longest: number }> {
  let [allowed, longest] = [0, 0];
  for (let n = 0; n < times; n++) {
    const { result, ms } = await settledIn(() => limiter.consume(key, rule));
    if (result!.allowed) allowed++;
    longest = Math.max(longest, ms);
  }
  return { allowed, longest };
}

interface Fault {
  fail: (redis: TestRedis) => Promise<void>;
  mend: (redis: TestRedis) => Promise<void>;
  hangs: boolean;
}

const faults: Record<string, Fault> = {
  'is killed': { fail: (redis) => redis.kill(), mend: (redis) => redis.restart(), hangs: false },
  'stands still': { fail: (redis) => redis.pause(), mend: (redis) => redis.resume(), hangs: true },
};

describe.each(Object.entries(faults))('while Redis %s', (_name, { fail, mend, hangs }) => {
  it('each instance keeps its part, in less than 10 ms, and nothing of it is counted when Redis is back', async () => {
    await using redis = await startRedis({ port: 'tcp' });
    await using limiter = await open(redis.url);
    for (let n = 0; n < 5; n++) await limiter.consume('k', rule);
    await fail(redis);
    // The first to notice waits at most half a second.
    const first = await settledIn(() => limiter.consume('k', rule));
    expect(first.result).toMatchObject({ allowed: true, limit: 10, remaining: 9 });
    expect(first.ms).toBeLessThan(700);
    const { allowed, longest } = await tried(limiter, 'k', 60);
    expect(allowed).toBe(9);
    expect(longest).toBeLessThan(10);
    const denied = await limiter.consume('k', rule);
    // a tenth of an hour, which goes on
    expect(denied).toMatchObject({ allowed: false, limit: 10, remaining: 0, retryAfter: expect.closeTo(360, -1) });
    expect(await limiter.peek('k', rule)).toMatchObject({ allowed: false });
    expect(log.filter((line) => line.includes('cannot be asked for rate limits'))).toHaveLength(1);

    await mend(redis);
    await until(async () => (await limiter.consume('other', rule)).limit === 40, { within: 10_000, what: 'Redis is asked again' });
    // Killed, it has forgotten; else the one use that was under way when it stopped may have been counted.
    const { remaining } = await limiter.peek('k', rule);
    if (hangs) expect([34, 35]).toContain(remaining);
    else expect(remaining).toBe(40);
    expect(log.filter((line) => line.includes('keeps the rate limits again'))).toHaveLength(1);
  });
});

it.each([
  ['one limit', rule],
  ['several', [rule, { limit: 1_000, window: '1d' }]],
])('what was asked of %s just before Redis stood still for long is not counted when it goes on', async (_what, limits) => {
  await using redis = await startRedis({ port: 'tcp' });
  await using limiter = await open(redis.url);
  await limiter.consume('k', limits);
  await redis.pause();
  const results = await Promise.all(Array.from({ length: 30 }, () => limiter.consume('k', limits)));
  expect(results.filter(({ allowed }) => allowed)).toHaveLength(10);
  const stopped = performance.now();
  await until(() => performance.now() - stopped > 700);
  await redis.resume();
  await until(async () => (await limiter.consume('other', rule)).limit === 40, { within: 10_000 });
  expect((await limiter.peek('k', rule)).remaining).toBe(39);
});

it('nor are hits of @nestjs/throttler', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await using limiter = await open(redis.url);
  const storage = new RedisThrottlerStorage(limiter);
  const hit = (key: string) => storage.increment(key, 3_600_000, 40, 0, 'default');
  await hit('k');
  await redis.pause();
  await Promise.all(Array.from({ length: 30 }, () => hit('k')));
  const stopped = performance.now();
  await until(() => performance.now() - stopped > 700);
  await redis.resume();
  await until(async () => (await limiter.consume('other', rule)).limit === 40, { within: 10_000 });
  expect((await hit('k')).totalHits).toBe(2);
});

it('a lost reply is decided here, and a repeat by its requestId is counted once', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await using proxy = await FaultProxy.open(redis.url);
  await using limiter = await open(proxy.url);
  await limiter.peek('k', rule);
  const lost = proxy.dropNextReply((args) => args.includes('use'));
  const first = await limiter.consume('k', { ...rule, requestId: 'a' });
  await lost;
  expect(first).toMatchObject({ allowed: true, limit: 10 });
  await until(async () => (await limiter.consume('k', { ...rule, requestId: 'a' })).limit === 40, { within: 5_000 });
  expect((await limiter.peek('k', rule)).remaining).toBe(39);
});

it('boots with Redis down, and denies nothing that its part allows', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await redis.kill();
  await using limiter = await open(redis.url, { instances: 100 });
  const { allowed } = await tried(limiter, 'k', 10);
  expect(allowed).toBe(1);
  for (const algorithm of ['fixed', 'sliding'] as const) {
    expect(await limiter.consume(algorithm, { limit: 250, window: '1h', algorithm, cost: 250 })).toMatchObject({ allowed: true, limit: 2 });
  }
  expect(await limiter.consume('two', [rule, { limit: 1000, window: '1d' }])).toMatchObject({ allowed: true, limit: 1 });
});

it('a block and a reset that could not be stored are errors for their caller, and hold here', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await using limiter = await open(redis.url);
  await limiter.consume('k', rule);
  await redis.kill();
  await limiter.consume('k', rule);
  await expect(limiter.block('k', '1h')).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(await limiter.consume('k', rule)).toMatchObject({ allowed: false, remaining: 0, retryAfter: expect.closeTo(3_600, -1) });
  await expect(limiter.reset('k')).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(await limiter.consume('k', rule)).toMatchObject({ allowed: true });
  expect(await limiter.penalty('k', { ...rule, cost: 40 })).toMatchObject({ allowed: false, remaining: 0 });
  expect(await limiter.reward('k', { ...rule, cost: 40 })).toMatchObject({ allowed: true });
});

it('a sign-in goes on without Redis, and success forgets the account here', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await redis.kill();
  await using limiter = await open(redis.url, { instances: 1 });
  const attempt = () => limiter.login({ account: 'ann', ip: '10.0.0.1' }, { account: { limit: 2, window: '15m' } });
  await attempt();
  const second = await attempt();
  expect((await attempt()).allowed).toBe(false);
  await second.succeeded();
  expect((await attempt()).allowed).toBe(true);
});

it('Redis that is full is no "no limit"', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await using limiter = await open(redis.url);
  await limiter.consume('k', rule);
  await ask(redis, (client) => client.config('SET', 'maxmemory', 1));
  const { allowed } = await tried(limiter, 'new', 30);
  expect(allowed).toBe(10);
});

it('a process that was busy for long believes the answers that lie there', async () => {
  await using redis = await startRedis({ port: 'tcp' });
  await using limiter = await open(redis.url);
  await limiter.consume('k', rule);
  const asked = limiter.consume('k', rule);
  await new Promise((resolve) => setImmediate(resolve));
  const busyUntil = performance.now() + 800;
  while (performance.now() < busyUntil);
  expect(await asked).toMatchObject({ limit: 40, remaining: 38 });
});
