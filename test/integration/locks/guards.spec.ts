import { expect, it } from 'vitest';
import { MUTEX } from '../../../lib/locks/mutex.lua.js';
import { SHARED } from '../../../lib/locks/shared.lua.js';
import { ownRedis } from '../../support/own-redis.js';

const own = ownRedis();

const FENCE = 'p:f:{1}';
const [HOLDER, WAITER, STRANGER] = ['sa.1', 'sb.1', 'sc.1'];

it.each([
  ['one holder', MUTEX, 'p:m:{1}job', -1],
  ['several holders', SHARED, 'p:s:{1}job', 0],
] as const)('of %s: who waits or never came neither extends nor releases', async (_what, scripts, key, refused) => {
  const take = (id: string, mode: string) => scripts.take.run(own.client, [key], [id, 5_000, mode, 1, 'job']);
  const token = BigInt((await take(HOLDER, 'try')) as string);
  expect(Number(await take(WAITER, 'wait'))).toBeLessThan(0);
  for (const id of [WAITER, STRANGER]) expect(Number(await scripts.extend.run(own.client, [key], [id, 5_000]))).toBe(refused);
  expect(Number(await scripts.release.run(own.client, [key], [STRANGER]))).toBe(refused);
  // what it ends is its waiting
  expect(Number(await scripts.release.run(own.client, [key], [WAITER]))).toBe(refused);
  expect(Number(await scripts.extend.run(own.client, [key], [HOLDER, 5_000]))).toBe(1);
  expect(BigInt((await take(HOLDER, 'try')) as string)).toBe(token);
  expect(Number(await scripts.release.run(own.client, [key], [HOLDER]))).toBe(1);
  expect(await own.client.exists(key)).toBe(0);
});

it.each([
  ['one holder', MUTEX, 'p:m:{1}job'],
  ['several holders', SHARED, 'p:s:{1}job'],
] as const)('of %s: tokens rise while the clock of the server is behind them', async (_what, scripts, key) => {
  const [seconds = 0] = await own.client.time();
  const ahead = (BigInt(seconds) + 3_600n) * 1_000_000n;
  await own.client.set(FENCE, String(ahead));
  for (let before = ahead, n = 0; n < 3; n++) {
    const token = BigInt((await scripts.take.run(own.client, [key], [HOLDER, 5_000, 'try', 1, 'job'])) as string);
    expect(token).toBeGreaterThan(before);
    before = token;
    await scripts.release.run(own.client, [key], [HOLDER]);
  }
});
