import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { openSessions } from '../../support/sessions.js';
import { ask } from '../../support/ask.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

describe.each(['local', 'remote'] as const)('what outlives its request, where revocation is %s', (revocation) => {
  it('is ended once, within a second of the end of its session on another instance', async () => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix(), sessions: { revocation } };
    await using one = await openSessions(options);
    await using other = await openSessions(options);
    const [ended, kept] = [await one.sessions.create('ann'), await one.sessions.create('bob')];
    const told: string[] = [];
    other.sessions.watch(ended.accessToken, (reason) => told.push(`ended ${reason}`));
    other.sessions.watch(kept.accessToken, (reason) => told.push(`kept ${reason}`));
    await until(() => other.sessions.verify(kept.accessToken));
    await one.sessions.revoke(ended.sessionId);
    await until(() => told.length > 0, { within: 1_000 });
    await one.sessions.revokeAll('ann');
    await until(async () => (await one.connection.client.xlen(`${options.keyPrefix}f:{feed}stream`)) >= 2);
    expect(told).toEqual(['ended revoked']);
  });

  it('is ended when its session ended between its being let in and its being watched', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { revocation } });
    const { accessToken, sessionId } = await on.sessions.create('ann');
    await on.sessions.verify(accessToken);
    await on.sessions.revoke(sessionId);
    const told: string[] = [];
    on.sessions.watch(accessToken, (reason) => told.push(reason));
    await until(() => told.length > 0, { within: 1_000 });
    expect(told).toEqual(['revoked']);
  });

  it('is ended when its session is found gone after Redis has lost everything', async () => {
    await using redisOfItsOwn = await startRedis();
    await using on = await openSessions({ redis: redisOfItsOwn.url, sessions: { revocation } });
    const { accessToken } = await on.sessions.create('ann');
    const told: string[] = [];
    on.sessions.watch(accessToken, (reason) => told.push(reason));
    await until(() => on.sessions.verify(accessToken));
    await ask(redisOfItsOwn, (client) => client.flushall());
    await until(() => told.length > 0, { within: 2_000 });
    expect(told).toEqual(['invalid']);
  });
});

describe.each(['local', 'remote', 'off'] as const)('what outlives its token, where revocation is %s', (revocation) => {
  it('is ended as expired, and is told nothing once it has let go', async () => {
    await using on = await openSessions({ redis: redis.url, jwt: { clockTolerance: 0 }, sessions: { revocation, accessTokenTtl: '2s' } });
    const { accessToken } = await on.sessions.create('ann');
    const told: string[] = [];
    on.sessions.watch(accessToken, (reason) => told.push(reason));
    const letGo = on.sessions.watch(accessToken, () => told.push('let go'));
    letGo();
    letGo();
    await until(() => told.length > 0);
    expect(told).toEqual(['expired']);
  });
});
