import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { FaultProxy } from '../../support/proxy.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

describe('what a replica must not be wrong about', () => {
  it('the database: a client of the application that has selected another one since it was made', async () => {
    const keyPrefix = uniquePrefix();
    const clients = [new Redis(redis.url), new Redis(redis.url)];
    for (const client of clients) await client.select(3);
    await using one = await openSessions({ redis: { client: clients[0]! }, keyPrefix });
    await using other = await openSessions({ redis: { client: clients[1]! }, keyPrefix });
    const { accessToken, sessionId } = await one.sessions.create('ann');
    await other.sessions.verify(accessToken);
    await one.sessions.revoke(sessionId);
    await until(async () => (await reasonOf(other.sessions.verify(accessToken))) === 'revoked', { within: 1_000 });
    for (const client of clients) client.disconnect();
  });

  it('a repeated sign-in whose session has ended meanwhile: its tokens are refused like the first', async () => {
    await using on = await openSessions({
      redis: redis.url,
      jwt: { clockTolerance: 0 },
      sessions: { accessTokenTtl: '3s', idleTimeout: '3s' },
    });
    const first = await on.sessions.create('ann', { requestId: 'once' });
    await on.sessions.revoke(first.sessionId);
    // longer than the feed remembers
    await until(() => on.sessions.get(first.sessionId).then(() => Date.now() > first.accessTokenExpiresAt.getTime() + 1_500), {
      within: 8_000,
    });
    const again = await on.sessions.create('ann', { requestId: 'once' });
    expect(again.sessionId).toBe(first.sessionId);
    expect(await reasonOf(on.sessions.verify(again.accessToken))).not.toBe('resolved');
  });

  it('one broken key: it is no outage for others', async () => {
    await using on = await openSessions({ redis: redis.url });
    const [ann, bob] = [await on.sessions.create('ann', { data: { a: 1 } }), await on.sessions.create('bob', { data: { b: 1 } })];
    const index = `${on.keyPrefix}u:{${ann.sessionId.slice(0, 6)}}ann`;
    await on.connection.client.set(index, 'x');
    await expect(on.sessions.verify(ann.accessToken, { data: true })).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    expect((await on.sessions.verify(bob.accessToken, { data: true })).data).toEqual({ b: 1 });
  });

  it('a character that only ends in the same byte: it makes another token', async () => {
    await using on = await openSessions({ redis: redis.url });
    const { accessToken } = await on.sessions.create('ann');
    for (const at of [accessToken.indexOf('.') + 5, accessToken.length - 5]) {
      const other = String.fromCharCode(accessToken.charCodeAt(at) + 0x100);
      const spelled = accessToken.slice(0, at) + other + accessToken.slice(at + 1);
      for (let n = 0; n < 3; n++) expect(['malformed', 'invalid']).toContain(await reasonOf(on.sessions.verify(spelled)));
    }
  });

  it('another server: what it may lack is done again there, also when it cannot be reached at first', async () => {
    await using proxy = await FaultProxy.open(redis.url);
    const keyPrefix = uniquePrefix();
    await using on = await openSessions({ redis: proxy.url, keyPrefix });
    await using asking = await openSessions({ redis: redis.url, keyPrefix, sessions: { revocation: 'remote' } });
    const { accessToken, sessionId } = await on.sessions.create('ann');
    const { client } = asking.connection;
    const [tag, rest] = [sessionId.slice(0, 6), sessionId.slice(6)];
    const [record, index] = [`${keyPrefix}s:{${tag}}${rest}`, `${keyPrefix}u:{${tag}}ann`];
    const [savedRecord, savedIndex] = [await client.dumpBuffer(record), await client.dumpBuffer(index)];
    await on.sessions.revoke(sessionId);
    await proxy.refuse();
    // as a replica that had not heard of the end; the entry of the feed is as lost as that
    await client.restore(record, 600_000, savedRecord, 'REPLACE');
    await client.restore(index, 600_000, savedIndex, 'REPLACE');
    await client.del(`${keyPrefix}f:{feed}stream`);
    expect(await reasonOf(asking.sessions.verify(accessToken))).toBe('resolved');
    await proxy.heal();
    await until(async () => (await reasonOf(asking.sessions.verify(accessToken))) === 'revoked', { within: 10_000 });
    expect(await asking.sessions.get(sessionId)).toBeNull();
  });
});
