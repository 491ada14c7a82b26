import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandStats, growth } from '../../support/commands.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

/** What the feed itself sends all the time. */
const OF_FEED = new Set(['xread', 'xrange', 'ping', 'info', 'client|setinfo', 'hello']);

async function commandsOf(call: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await commandStats(redis);
  await call();
  return Object.fromEntries(Object.entries(growth(before, await commandStats(redis))).filter(([name]) => !OF_FEED.has(name)));
}

describe('a warm verify', () => {
  it('sends no command, 100,000 times, whatever the user', async () => {
    await using on = await openSessions({ redis: redis.url, commandTimeout: 10_000 });
    const users = await Promise.all(Array.from({ length: 500 }, (_, n) => on.sessions.create(`user-${n}`, { claims: { n } })));
    for (const { accessToken } of users) await on.sessions.verify(accessToken);
    const sent = await commandsOf(async () => {
      for (let n = 0; n < 100_000; n++) {
        const { userId, claims } = await on.sessions.verify(users[n % 500]!.accessToken);
        if (userId !== `user-${n % 500}` || claims['n'] !== n % 500) throw new Error('another user');
        // who follows the feed has to have its turn, or knows too little after a while
        if (n % 1_000 === 0) await turn();
      }
    });
    expect(sent).toEqual({});
  });

  it('is as warm on an instance that has never seen the token, nor known of its sign-in', async () => {
    await using one = await openSessions({ redis: redis.url });
    const pairs = await Promise.all(Array.from({ length: 50 }, (_, n) => one.sessions.create(`user-${n}`)));
    await using other = await openSessions({ redis: redis.url, keyPrefix: one.keyPrefix });
    const sent = await commandsOf(() => Promise.all(pairs.map(({ accessToken }) => other.sessions.verify(accessToken))));
    expect(sent).toEqual({});
  });

  it('gives each caller an object of its own', async () => {
    await using on = await openSessions({ redis: redis.url });
    const claims = { roles: ['a'], deep: { list: [{ a: 1 }] }, ['__proto__']: 1 };
    const { accessToken } = await on.sessions.create('ann', {
      claims: JSON.parse(JSON.stringify(claims)) as Record<string, unknown>,
      scopes: ['read'],
    });
    const expected = structuredClone(await on.sessions.verify(accessToken));
    for (let n = 0; n < 4; n++) {
      // what was remembered of the token by then is handed out again
      const given = n < 3 ? await on.sessions.verify(accessToken) : on.sessions.recall(accessToken)!;
      expect({ ...given, ttl: expected.ttl }).toEqual(expected);
      given.userId = 'eve';
      given.scopes.push('admin');
      given.expiresAt.setFullYear(2999);
      (given.claims['roles'] as string[]).push('admin');
      (given.claims['deep'] as { list: { a: number }[] }).list[0]!.a = 2;
    }
    expect(on.sessions.recall(accessToken)!.userId).toBe('ann');
  });
});

/** What ends a session, the reason that its access token is refused with from then on, and what its refresh token is. */
const ENDINGS: [what: string, end: (sessions: SessionsUnderTest['sessions'], pair: Pair) => Promise<unknown>, reason: string][] = [
  ['revoke', (sessions, { sessionId }) => sessions.revoke(sessionId), 'revoked'],
  ['logout by access token', (sessions, { accessToken }) => sessions.logout(accessToken), 'revoked'],
  ['logout by refresh token', (sessions, { refreshToken }) => sessions.logout(refreshToken), 'revoked'],
  ['regenerate', (sessions, { sessionId }) => sessions.regenerate(sessionId), 'revoked'],
  ['revokeAll', (sessions) => sessions.revokeAll('ann', { tenant: 'acme' }), 'revoked'],
  ['revokeTenant', (sessions) => sessions.revokeTenant('acme'), 'revoked'],
  ['revokeToken', (sessions, { accessToken }) => sessions.revokeToken(accessToken), 'revoked'],
  ['a newer sign-in', (sessions) => sessions.create('ann', { tenant: 'acme' }), 'evicted'],
  ['reuse of a refresh token', (sessions, { refreshToken }) => reuse(sessions, refreshToken), 'revoked'],
];

async function reuse(sessions: SessionsUnderTest['sessions'], refreshToken: string): Promise<void> {
  const next = await sessions.refresh(refreshToken);
  await sessions.refresh(next.refreshToken);
  expect(await reasonOf(sessions.refresh(refreshToken))).toBe('reused');
}

describe('the end of a session on one instance', () => {
  it.each(ENDINGS)('%s: refused there at once, and on another within milliseconds, without a command', async (_what, end, reason) => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix(), sessions: { limit: 1 } };
    await using one = await openSessions(options);
    await using other = await openSessions(options);
    const pair = await one.sessions.create('ann', { tenant: 'acme' });
    const bystander = await one.sessions.create('bob', { tenant: 'other' });
    await other.sessions.verify(pair.accessToken);
    await other.sessions.verify(pair.accessToken);
    expect(other.sessions.recall(pair.accessToken)).toBeDefined();
    await end(one.sessions, pair);
    expect(await reasonOf(one.sessions.verify(pair.accessToken))).toBe(reason);
    await until(() => other.sessions.recall(pair.accessToken) === undefined, { within: 500, every: 1 });
    const sent = await commandsOf(async () => expect(await reasonOf(other.sessions.verify(pair.accessToken))).toBe(reason));
    expect(sent).toEqual({});
    await other.sessions.verify(bystander.accessToken);
    // one that begins now finds it in the feed
    await using late = await openSessions(options);
    expect(await commandsOf(async () => expect(await reasonOf(late.sessions.verify(pair.accessToken))).toBe(reason))).toEqual({});
    expect(await withoutTtl(redis)).toEqual([]);
  });

  it('with except: the kept session’s present tokens go on, on every instance, and so do those of a later sign-in', async () => {
    await using one = await openSessions({ redis: redis.url });
    await using other = await openSessions({ redis: redis.url, keyPrefix: one.keyPrefix });
    const [kept, ended] = [await one.sessions.create('ann'), await one.sessions.create('ann')];
    for (const { accessToken } of [kept, ended]) await other.sessions.verify(accessToken);
    expect(await one.sessions.revokeAll('ann', { except: kept.sessionId })).toBe(1);
    await until(async () => (await reasonOf(other.sessions.verify(ended.accessToken))) === 'revoked', { within: 500, every: 1 });
    const sent = await commandsOf(async () => {
      for (const on of [one, other]) await on.sessions.verify(kept.accessToken);
      for (const on of [one, other]) await on.sessions.verify(kept.accessToken);
    });
    expect(sent).toEqual({});
    const later = await other.sessions.create('ann');
    const refreshed = await other.sessions.refresh(kept.refreshToken);
    for (const on of [one, other]) for (const { accessToken } of [later, refreshed, kept]) await on.sessions.verify(accessToken);
  });

  it.each(['local', 'remote', 'off'] as const)(
    'is told once however often it is asked for: a replayed log-out writes nothing, revocation %s',
    async (revocation) => {
      await using on = await openSessions({ redis: redis.url, sessions: { revocation } });
      const { accessToken, refreshToken, sessionId } = await on.sessions.create('ann');
      expect(await on.sessions.logout(accessToken)).toBe(true);
      const length = () => on.connection.client.xlen(`${on.keyPrefix}f:{feed}stream`);
      const before = await length();
      for (let n = 0; n < 20; n++) {
        expect(await on.sessions.logout(accessToken)).toBe(false);
        expect(await on.sessions.logout(refreshToken)).toBe(false);
        expect(await on.sessions.revokeToken(accessToken)).toBe(false);
        expect(await on.sessions.revoke(sessionId)).toBe(false);
      }
      expect(await length()).toBe(before);
    },
  );
});

describe('an instance that asks Redis each time', () => {
  it('tells those that do not', async () => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix() };
    await using asking = await openSessions({ ...options, sessions: { revocation: 'remote' } });
    await using knowing = await openSessions(options);
    const pairs = [await asking.sessions.create('ann'), await asking.sessions.create('ann')];
    for (const { accessToken } of pairs) await knowing.sessions.verify(accessToken);
    await asking.sessions.revoke(pairs[0]!.sessionId);
    await asking.sessions.revokeToken(pairs[1]!.accessToken);
    for (const { accessToken } of pairs) {
      await until(async () => (await reasonOf(knowing.sessions.verify(accessToken))) === 'revoked', { within: 500, every: 1 });
      expect(await reasonOf(asking.sessions.verify(accessToken))).toBe('revoked');
    }
    expect(await asking.sessions.get(pairs[1]!.sessionId)).not.toBeNull();
  });

  it('makes the others remember for as long as its tokens live', async () => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix() };
    await using knowing = await openSessions({ ...options, sessions: { accessTokenTtl: '1m' } });
    const anchor = `${options.keyPrefix}f:{feed}anchor`;
    expect(await knowing.connection.client.hget(anchor, 'w')).toBe('70000');
    await using asking = await openSessions({ ...options, sessions: { accessTokenTtl: '2h', revocation: 'remote' } });
    await until(async () => (await asking.connection.client.hget(anchor, 'w')) === '7210000');
    await knowing.sessions.revoke((await knowing.sessions.create('ann')).sessionId);
    expect(await knowing.connection.client.hget(anchor, 'w')).toBe('7210000');
  });
});
