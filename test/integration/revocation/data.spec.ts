import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandStats, growth } from '../../support/commands.js';
import { FaultProxy } from '../../support/proxy.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

const dataOf = async (on: SessionsUnderTest, token: string): Promise<unknown> => (await on.sessions.verify(token, { data: true })).data;

async function loadsDuring(call: () => Promise<unknown>): Promise<number> {
  const before = await commandStats(redis);
  await call();
  return growth(before, await commandStats(redis))['hgetall'] ?? 0;
}

describe('private data', () => {
  it('is loaded once on each instance, and then costs no command', async () => {
    await using one = await openSessions({ redis: redis.url });
    await using other = await openSessions({ redis: redis.url, keyPrefix: one.keyPrefix });
    const { accessToken } = await one.sessions.create('ann', { data: { cart: [1, 2], empty: [], ['__proto__']: 1 } });
    const { data } = await one.sessions.verify(accessToken, { data: true });
    for (const on of [one, other]) {
      await dataOf(on, accessToken);
      expect(
        await loadsDuring(async () => {
          for (let n = 0; n < 1_000; n++) expect(await dataOf(on, accessToken)).toEqual(data);
        }),
      ).toBe(0);
      expect(on.sessions.recallWithData(accessToken)?.data).toEqual(data);
    }
  });

  it('is each caller’s own', async () => {
    await using on = await openSessions({ redis: redis.url });
    const { accessToken } = await on.sessions.create('ann', { data: { cart: [1] } });
    for (let n = 0; n < 3; n++) {
      const data = (await on.sessions.verify(accessToken, { data: true })).data as { cart: number[] };
      expect(data).toEqual({ cart: [1] });
      data.cart.push(n);
    }
  });

  it('that was updated on one instance is the new one on every other within milliseconds, and at once there', async () => {
    await using one = await openSessions({ redis: redis.url });
    await using other = await openSessions({ redis: redis.url, keyPrefix: one.keyPrefix });
    const { accessToken, sessionId } = await one.sessions.create('ann', { data: { n: 0 } });
    for (let n = 1; n <= 50; n++) {
      for (const on of [one, other]) await dataOf(on, accessToken);
      await one.sessions.update(sessionId, { n });
      expect(await dataOf(one, accessToken)).toEqual({ n });
      await until(async () => ((await dataOf(other, accessToken)) as { n: number }).n === n, { within: 500, every: 1 });
    }
  });

  it('never stays an old one when loads race with updates', async () => {
    await using proxy = await FaultProxy.open(redis.url);
    await using writer = await openSessions({ redis: redis.url });
    await using reader = await openSessions({ redis: proxy.url, keyPrefix: writer.keyPrefix });
    const { accessToken, sessionId } = await writer.sessions.create('ann', { data: { n: 0 } });
    proxy.delay = 3;
    for (let n = 1; n <= 100; n++) {
      const loads = [dataOf(reader, accessToken)];
      const updated = writer.sessions.update(sessionId, { n });
      loads.push(dataOf(reader, accessToken));
      await updated;
      loads.push(dataOf(reader, accessToken));
      await Promise.all(loads);
      await until(async () => ((await dataOf(reader, accessToken)) as { n: number }).n === n, { within: 1_000, every: 1 });
    }
  });

  it('of an ended session is not given out', async () => {
    await using one = await openSessions({ redis: redis.url });
    await using other = await openSessions({ redis: redis.url, keyPrefix: one.keyPrefix });
    const { accessToken, sessionId } = await one.sessions.create('ann', { data: { a: 1 } });
    for (const on of [one, other]) await dataOf(on, accessToken);
    await one.sessions.revoke(sessionId);
    expect(await reasonOf(dataOf(one, accessToken))).toBe('revoked');
    await until(async () => (await reasonOf(dataOf(other, accessToken))) === 'revoked', { within: 500, every: 1 });
  });

  it('is loaded anew after anything may have been missed', async () => {
    await using on = await openSessions({ redis: redis.url });
    const { accessToken, sessionId } = await on.sessions.create('ann', { data: { n: 1 } });
    await dataOf(on, accessToken);
    // behind its back
    const key = `${on.keyPrefix}s:{${sessionId.slice(0, 6)}}${sessionId.slice(6)}`;
    await on.connection.client.hset(key, '.n', '2');
    expect(await dataOf(on, accessToken)).toEqual({ n: 1 });
    await on.connection.client.del(`${on.keyPrefix}f:{feed}stream`);
    await until(async () => ((await dataOf(on, accessToken)) as { n: number }).n === 2);
  });
});
