import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionOptions } from '../../../lib/options/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { EventsHeard, reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let server: Redis;
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis);
});
afterAll(async () => {
  server.disconnect();
  await redis.stop();
});

function open(sessions: SessionOptions): Promise<SessionsUnderTest> {
  return openSessions({ redis: redis.url, sessions, jwt: { clockTolerance: 0 } });
}

async function serverMs(): Promise<number> {
  const [seconds, micros] = await server.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/** By the server's clock, which is the one that counts. */
async function reached(time: Date): Promise<void> {
  await until(async () => (await serverMs()) >= time.getTime(), { within: 10_000, what: `it is ${time.toISOString()}` });
}

describe('the idle timeout', () => {
  it('ends an unused session for every method, by the clock of the server, and is told once', async () => {
    await using on = await open({ idleTimeout: '1 s', touchInterval: '1 ms' });
    using events = await EventsHeard.of(on.sessions);
    const { sessions } = on;
    const pair = await sessions.create('ann', { data: { a: 1 } });
    const { expiresAt, createdAt } = (await sessions.get(pair.sessionId))!;
    expect(expiresAt.getTime() - createdAt.getTime()).toBe(1_000);
    await reached(expiresAt);
    // first those that do not notice it for others
    expect(await reasonOf(sessions.verify(pair.accessToken))).toBe('expired');
    expect(await reasonOf(sessions.refresh(pair.refreshToken))).toBe('expired');
    expect(await sessions.get(pair.sessionId)).toBeNull();
    expect(await sessions.list('ann')).toEqual([]);
    expect(await sessions.count('ann')).toBe(0);
    expect(await sessions.touch(pair.sessionId)).toBe(false);
    expect(await sessions.update(pair.sessionId, { a: 2 })).toBeNull();
    expect(await sessions.regenerate(pair.sessionId)).toBeNull();
    expect(await sessions.reauthenticated(pair.sessionId)).toBeNull();
    expect(await sessions.revoke(pair.sessionId)).toBe(false);
    expect(await sessions.logout(pair.refreshToken)).toBe(false);
    expect(await sessions.revokeAll('ann')).toBe(0);
    expect(await reasonOf(sessions.refresh(pair.refreshToken))).toBe('expired');
    expect((await events.untilNow()).map(({ type }) => type)).toEqual(['created', 'expired']);
  });

  it.each<[string, (on: SessionsUnderTest, pair: { sessionId: string; refreshToken: string }) => Promise<unknown>]>([
    ['list', (on) => on.sessions.list('bob')],
    ['count', (on) => on.sessions.count('bob')],
    ['get', (on, { sessionId }) => on.sessions.get(sessionId)],
    ['touch', (on, { sessionId }) => on.sessions.touch(sessionId)],
    ['revoke', (on, { sessionId }) => on.sessions.revoke(sessionId)],
    ['revokeAll', (on) => on.sessions.revokeAll('bob')],
    ['refresh', (on, { refreshToken }) => on.sessions.refresh(refreshToken).catch(() => undefined)],
  ])('is noticed by %s, whichever comes first', async (_what, look) => {
    await using on = await open({ idleTimeout: '50 ms', touchInterval: '1 ms' });
    using events = await EventsHeard.of(on.sessions);
    const pair = await on.sessions.create('bob');
    await reached(new Date((await serverMs()) + 60));
    await look(on, pair);
    await look(on, pair);
    expect((await events.untilNow()).map(({ type }) => type)).toEqual(['created', 'expired']);
    expect(await reasonOf(on.sessions.refresh(pair.refreshToken))).toBe('expired');
  });

  it('does not count against the limit', async () => {
    await using on = await open({ idleTimeout: '1 s', limit: { max: 1, onExceeded: 'reject' } });
    const { sessionId } = await on.sessions.create('cat');
    await reached((await on.sessions.get(sessionId))!.expiresAt);
    await on.sessions.create('cat');
    expect(await on.sessions.count('cat')).toBe(1);
  });

  it('is moved by touch and by refresh; the absolute one by nothing', async () => {
    await using on = await open({ idleTimeout: '1200 ms', absoluteTimeout: '3 s', touchInterval: '1 ms', accessTokenTtl: '1 s' });
    const { sessions } = on;
    const touched = await sessions.create('dan');
    let refreshed = await sessions.create('dan');
    const { sessionId } = refreshed;
    const { absoluteExpiresAt } = (await sessions.get(touched.sessionId))!;
    const idleAtFirst = (await sessions.get(touched.sessionId))!.expiresAt.getTime();
    let extended = 0;
    await until(
      async () => {
        const live = await sessions.touch(touched.sessionId);
        const next = await sessions.refresh(refreshed.refreshToken).catch(() => undefined);
        if (next) refreshed = next;
        const info = await sessions.get(touched.sessionId);
        if (info && info.expiresAt.getTime() > idleAtFirst) extended++;
        if (info) {
          expect(info.expiresAt.getTime()).toBeLessThanOrEqual(absoluteExpiresAt.getTime());
          expect(info.absoluteExpiresAt).toEqual(absoluteExpiresAt);
        }
        return !live && !next;
      },
      { within: 10_000, every: 50 },
    );
    expect(extended).toBeGreaterThan(0);
    expect(await serverMs()).toBeGreaterThanOrEqual(absoluteExpiresAt.getTime());
    expect(await serverMs()).toBeLessThan(absoluteExpiresAt.getTime() + 1_000);
    expect(await reasonOf(sessions.refresh(refreshed.refreshToken))).toBe('expired');
    expect(await sessions.get(sessionId)).toBeNull();
    expect(await sessions.count('dan')).toBe(0);
  });
});

describe('an access token lives for', () => {
  it.each<[string, SessionOptions, number]>([
    ['its own lifetime', { accessTokenTtl: '5 s', idleTimeout: '60 s', absoluteTimeout: '60 s' }, 5],
    ['the rest of idle', { accessTokenTtl: '15 m', idleTimeout: '7 s', absoluteTimeout: '60 s' }, 7],
    ['the rest of absolute', { accessTokenTtl: '15 m', idleTimeout: '9 s', absoluteTimeout: '9 s' }, 9],
  ])('%s', async (_what, options, seconds) => {
    await using on = await open(options);
    const first = await on.sessions.create('eve');
    expect(first.expiresIn).toBe(seconds);
    expect((await on.sessions.verify(first.accessToken)).ttl).toBeLessThanOrEqual(seconds);
    expect(first.accessTokenExpiresAt.getTime()).toBeLessThanOrEqual(first.refreshTokenExpiresAt.getTime() + 1_000);
  });

  it('less and less, as the end of the session comes nearer', async () => {
    await using on = await open({ accessTokenTtl: '10 s', idleTimeout: '10 s', absoluteTimeout: '3 s' });
    const first = await on.sessions.create('eve');
    expect(first.expiresIn).toBe(3);
    const { createdAt, absoluteExpiresAt } = (await on.sessions.get(first.sessionId))!;
    await reached(new Date(createdAt.getTime() + 1_010));
    const second = await on.sessions.refresh(first.refreshToken);
    expect(second.expiresIn).toBe(1);
    expect(second.refreshTokenExpiresAt).toEqual(absoluteExpiresAt);
    // the session's own lifetimes hold after a new chain, too
    expect((await on.sessions.reauthenticated(first.sessionId))!.expiresIn).toBe(1);
    expect((await on.sessions.regenerate(first.sessionId))!.expiresIn).toBe(1);
  });

  it('the lifetime that the sign-in asked for, at each refresh', async () => {
    await using on = await open({});
    const first = await on.sessions.create('eve', { accessTokenTtl: '60 s', idleTimeout: '1 h', absoluteTimeout: '2 h' });
    expect(first.expiresIn).toBe(60);
    const second = await on.sessions.refresh(first.refreshToken);
    expect(second.expiresIn).toBe(60);
    const info = (await on.sessions.get(first.sessionId))!;
    expect(info.expiresAt.getTime() - info.lastSeenAt.getTime()).toBe(3_600_000);
    expect(info.absoluteExpiresAt.getTime() - info.createdAt.getTime()).toBe(7_200_000);
  });
});

describe.concurrent('a session that has ended', () => {
  const ends: Record<
    string,
    { end: (on: SessionsUnderTest, pair: { sessionId: string; accessToken: string }) => Promise<unknown>; verify: string; refresh: string }
  > = {
    revoked: { end: (on, { sessionId }) => on.sessions.revoke(sessionId), verify: 'revoked', refresh: 'revoked' },
    'revoked with all': { end: (on) => on.sessions.revokeAll('fay'), verify: 'revoked', refresh: 'revoked' },
    'logged out': { end: (on, { accessToken }) => on.sessions.logout(accessToken), verify: 'revoked', refresh: 'invalid' },
    evicted: { end: (on) => on.sessions.create('fay'), verify: 'evicted', refresh: 'evicted' },
    regenerated: { end: (on, { sessionId }) => on.sessions.regenerate(sessionId), verify: 'revoked', refresh: 'invalid' },
  };

  it.each(Object.keys(ends))('%s says so for the lifetime of an access token, and is unknown after that', async (how) => {
    const options = testOptions({
      redis: redis.url,
      sessions: { accessTokenTtl: '3 s', limit: 1, touchInterval: '1 ms' },
      jwt: { clockTolerance: 0 },
    });
    await using on = await openSessions(options);
    const pair = await on.sessions.create('fay');
    await ends[how]!.end(on, pair);
    const [tombstone] = await server.keys(`${options.keyPrefix}s:*${pair.sessionId.slice(6)}`);
    const ttl = await server.pttl(tombstone!);
    expect(ttl).toBeGreaterThan(1_000);
    expect(ttl).toBeLessThanOrEqual(3_000);
    expect(await reasonOf(on.sessions.verify(pair.accessToken))).toBe(ends[how]!.verify);
    expect(await reasonOf(on.sessions.refresh(pair.refreshToken))).toBe(ends[how]!.refresh);
    await until(async () => (await server.exists(tombstone!)) === 0, { within: 10_000, what: 'the tombstone is gone' });
    expect(await reasonOf(on.sessions.refresh(pair.refreshToken))).toBe('invalid');
    expect(await on.sessions.get(pair.sessionId)).toBeNull();
    // an access token that outlives it by another process's clock
    const jwt = { ...options.jwt, clockTolerance: '60 s' };
    await using asking = await openSessions({ ...options, jwt, sessions: { ...options.sessions, revocation: 'remote' } });
    expect(await reasonOf(asking.sessions.verify(pair.accessToken))).toBe('invalid');
    await using knowing = await openSessions({ ...options, jwt });
    expect(['invalid', ends[how]!.verify]).toContain(await reasonOf(knowing.sessions.verify(pair.accessToken)));
  });

  it.each([
    ['and was never touched', 0],
    ['and was touched just so that its index need not be extended', 120],
  ])('by its timeout %s is expired for that long, noticed or not', async (_what, touchedAfter) => {
    // a window much longer than the session: whatever else there is of it must last as long
    await using on = await open({ idleTimeout: '1200 ms', accessTokenTtl: '3600 ms', touchInterval: '1 ms' });
    const pair = await on.sessions.create('gus');
    if (touchedAfter > 0) {
      const { createdAt } = (await on.sessions.get(pair.sessionId))!;
      await reached(new Date(createdAt.getTime() + touchedAfter));
      await on.sessions.touch(pair.sessionId);
    }
    const { expiresAt } = (await on.sessions.get(pair.sessionId))!;
    const [record] = await server.keys(`${on.keyPrefix}s:*`);
    await reached(new Date(expiresAt.getTime() + 900));
    expect(await server.hexists(record!, 'z')).toBe(0);
    await using patient = await openSessions({ redis: redis.url, keyPrefix: on.keyPrefix, jwt: { clockTolerance: '60 s' } });
    expect(await reasonOf(patient.sessions.verify(pair.accessToken))).toBe('expired');
    expect(await reasonOf(on.sessions.refresh(pair.refreshToken))).toBe('expired');
    await until(async () => (await server.exists(record!)) === 0, { within: 10_000, what: 'the record is gone' });
    expect(await serverMs()).toBeGreaterThanOrEqual(expiresAt.getTime() + 3_600);
    expect(await reasonOf(on.sessions.refresh(pair.refreshToken))).toBe('invalid');
    expect(await reasonOf(patient.sessions.verify(pair.accessToken))).toBe('invalid');
  });
});

describe('S17 every key has a TTL', () => {
  it('after every operation, markers and tenants included, and none stays', async () => {
    await using on = await openSessions({
      redis: redis.url,
      jwt: { clockTolerance: 0 },
      sessions: {
        keyspaceNotifications: true,
        limit: 2,
        idleTimeout: '3 s',
        absoluteTimeout: '4 s',
        accessTokenTtl: '1 s',
        touchInterval: '1 ms',
      },
    });
    const { sessions } = on;
    const check = async <T>(call: Promise<T>): Promise<T> => {
      const result = await call;
      expect(await withoutTtl(redis)).toEqual([]);
      return result;
    };
    for (const of of [{}, { tenant: 'acme' }]) {
      const first = await check(sessions.create('hal', { ...of, requestId: 'once', data: { a: 1 } }));
      await check(sessions.create('hal', { ...of, requestId: 'once' }));
      const second = await check(sessions.refresh(first.refreshToken));
      await check(sessions.verify(second.accessToken, { data: true }));
      await check(sessions.update(first.sessionId, { b: 1 }));
      await check(sessions.touch(first.sessionId));
      await check(sessions.reauthenticated(first.sessionId));
      const moved = await check(sessions.regenerate(first.sessionId));
      await check(sessions.create('hal', of));
      await check(sessions.create('hal', of));
      await check(sessions.list('hal', of));
      await check(sessions.count('hal', of));
      await check(sessions.revoke(moved!.sessionId));
      await check(sessions.revokeAll('hal', of));
      await check(sessions.create('hal', of));
      await check(sessions.revokeTenant('acme'));
      await check(sessions.logout((await sessions.create('hal', of)).refreshToken));
    }
    await sessions.create('hal');
    // all but the first answers to requests, which are kept for a minute
    const keys = async (): Promise<string[]> => server.keys(`${on.keyPrefix}[^r]:*`);
    const feed = ['stream', 'anchor'].map((name) => `${on.keyPrefix}f:{feed}${name}`);
    await until(async () => (await keys()).every((key) => feed.includes(key)), {
      within: 15_000,
      every: 50,
      what: 'nothing is left but the feed',
    });
    // which somebody follows until now
    expect((await keys()).toSorted()).toEqual(feed.toSorted());
    await on[Symbol.asyncDispose]();
    await until(async () => (await keys()).length === 0, { within: 5_000, every: 50, what: 'nothing is left' });
  });
});
