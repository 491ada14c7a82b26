import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandStats, growth } from '../../support/commands.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { isAsked } from '../../support/revocation/is-asked.js';
import { resign } from '../../support/resign.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());
afterEach(() => void vi.useRealTimers());

const scriptsRun = async (): Promise<number> => growth({}, await commandStats(redis))['evalsha'] ?? 0;

/** This process's clock; those of the server and of timers go on. */
function setClock(ms: number): void {
  vi.useFakeTimers({ now: ms, toFake: ['Date'] });
}

describe.each(['local', 'remote', 'off'] as const)('a token that was seen before, where revocation is %s', (revocation) => {
  it('expires all the same', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { revocation } });
    const { accessToken } = await on.sessions.create('ann', { data: { a: 1 } });
    const { expiresAt } = await on.sessions.verify(accessToken);
    for (let n = 0; n < 3; n++) await on.sessions.verify(accessToken, { data: true });
    setClock(expiresAt.getTime() + 5_000);
    expect(on.sessions.recall(accessToken)).toBeUndefined();
    expect(on.sessions.recallWithData(accessToken)).toBeUndefined();
    expect(await reasonOf(on.sessions.verify(accessToken))).toBe('expired');
    expect(await reasonOf(on.sessions.verify(accessToken, { data: true }))).toBe('expired');
  });
});

describe('a token whose id is not of our making', () => {
  it('is asked about once, and again where entries of the feed went missing since', async () => {
    await using on = await openSessions({ redis: redis.url });
    const theirs = resign((await on.sessions.create('ann')).accessToken, { jti: 'of-others' });
    for (const expected of [true, false, false]) expect(await isAsked(redis, on, theirs)).toBe(expected);
    const stream = `${on.keyPrefix}f:{feed}stream`;
    await on.connection.client.del(stream);
    await until(() => on.connection.client.exists(stream));
    await until(async () => !(await isAsked(redis, on, (await on.sessions.create('new')).accessToken)));
    for (const expected of [true, false]) expect(await isAsked(redis, on, theirs)).toBe(expected);
  });

  it('that outlives what the feed remembers is asked about each time', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { accessTokenTtl: '1m' } });
    const { accessToken } = await on.sessions.create('ann');
    const exp = Math.floor(Date.now() / 1000) + 3_600;
    for (const token of [resign(accessToken, { exp }), resign(accessToken, { exp, jti: 'of-others' })]) {
      for (let n = 0; n < 3; n++) expect(await isAsked(redis, on, token)).toBe(true);
    }
  });

  it('that is of another session of the same user is asked about', async () => {
    await using on = await openSessions({ redis: redis.url });
    const [one, two] = [await on.sessions.create('ann'), await on.sessions.create('ann')];
    const mixed = resign(one.accessToken, { sid: two.sessionId });
    for (const expected of [true, false]) expect(await isAsked(redis, on, mixed)).toBe(expected);
  });
});

describe('while Redis is asked about a token', () => {
  it('its session ends: what is heard of that counts, not the answer that was given before', async () => {
    await using proxy = await FaultProxy.open(redis.url);
    await using far = await openSessions({ redis: proxy.url, commandTimeout: 10_000 });
    await using near = await openSessions({ redis: redis.url, keyPrefix: far.keyPrefix });
    const { accessToken, sessionId } = await near.sessions.create('ann');
    // the script is known
    await far.sessions.verify((await near.sessions.create('eve')).accessToken, { data: true });
    const before = await scriptsRun();
    proxy.delay = 1_000;
    const verifying = reasonOf(far.sessions.verify(accessToken, { data: true }));
    await until(async () => (await scriptsRun()) > before);
    proxy.delay = 0;
    expect(await near.sessions.revoke(sessionId)).toBe(true);
    await until(async () => (await reasonOf(far.sessions.verify(accessToken))) === 'revoked', { every: 1 });
    expect(await verifying).toBe('revoked');
  });
});

describe('while Redis is away', () => {
  it('a token in its last second is not taken where that is not allowed', async () => {
    captureLog();
    await using proxy = await FaultProxy.open(redis.url);
    await using on = await openSessions({ redis: proxy.url, sessions: { onStoreUnavailable: 'reject' } });
    const { accessToken } = await on.sessions.create('ann');
    const { expiresAt } = await on.sessions.verify(accessToken);
    await proxy.refuse();
    await on.sessions.verify(accessToken);
    setClock(expiresAt.getTime() - 500);
    expect(on.sessions.recall(accessToken)).toBeUndefined();
    await expect(on.sessions.verify(accessToken)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
  });

  it('one that nothing vouches for is not taken, whatever is allowed', async () => {
    captureLog();
    await using proxy = await FaultProxy.open(redis.url);
    await using on = await openSessions({ redis: proxy.url, sessions: { onStoreUnavailable: { serveFor: '2m' } } });
    const { accessToken } = await on.sessions.create('ann');
    const theirs = resign(accessToken, { jti: 'of-others' });
    await proxy.refuse();
    await on.sessions.verify(accessToken);
    await expect(on.sessions.verify(theirs)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
  });
});
