import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisThrottlerStorage } from '../../lib/adapters/throttler/index.js';
import { setAuthCookies } from '../../lib/guard/index.js';
import { RateLimiter } from '../../lib/rate-limit/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { LocksUnderTest } from '../support/locks.js';
import { reasonOf, refused } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../support/sessions.js';
import { shiftedClock } from '../support/shifted-clock.js';
import { openTokens, type TokensUnderTest } from '../support/tokens.js';
import { until } from '../support/until.js';
import { CacheUnderTest } from './cache/cache-under-test.js';

/** Of what lives. */
const LIFE_MS = 3_000;
const TTL = '3 s';
const MOST_OFF_MS = 2_000;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

/** How long it went on, which has to be as long as was promised, within 2 s. */
async function lives(what: string, goesOn: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  expect(await goesOn(), `${what} is not born dead`).toBeTruthy();
  await until(async () => !(await goesOn()), { within: LIFE_MS + 5_000, every: 50, what: `${what} ends` });
  expect(Math.abs(performance.now() - began - LIFE_MS), `${what} lived for its time`).toBeLessThanOrEqual(MOST_OFF_MS);
}

async function serverMs(): Promise<number> {
  const [seconds, micros] = await ask(redis, (client) => client.time());
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

function expectNear(one: Date | number, other: Date | number, what: string): void {
  expect(Math.abs(Number(one) - Number(other)), what).toBeLessThanOrEqual(MOST_OFF_MS);
}

const isLive = (call: Promise<unknown>): Promise<boolean> => reasonOf(call).then((reason) => reason === 'resolved');

/** What has a life of its own, each with whether it goes on. */
async function sessionsLive(on: SessionsUnderTest, asking: SessionsUnderTest, idle: SessionsUnderTest): Promise<void> {
  const { sessions } = on;
  const access = await sessions.create('access');
  expect(access.expiresIn).toBe(3);
  expectNear(access.accessTokenExpiresAt, Date.now() + LIFE_MS, 'accessTokenExpiresAt');
  expectNear(access.refreshTokenExpiresAt, (await serverMs()) + 60_000, 'refreshTokenExpiresAt');
  expect(access.refreshExpiresIn).toBe(60);
  const verified = await sessions.verify(access.accessToken);
  expect(verified.ttl).toBeGreaterThanOrEqual(1);
  expectNear(verified.authTime, Date.now(), 'authTime');
  expectNear((await sessions.get(access.sessionId))!.createdAt, await serverMs(), 'createdAt');

  const cookies: string[] = [];
  setAuthCookies({ raw: {}, header: (_: string, cookie: string) => cookies.push(cookie) } as never, access);
  expect(cookies[0]).toMatch(/Max-Age=[123];/);
  expect(cookies[1]).toMatch(/Max-Age=60;/);

  const rotated = await sessions.create('rotated');
  const { refreshToken: successor } = await sessions.refresh(rotated.refreshToken);
  const repeated = await sessions.create('repeated', { requestId: 'once' });
  const unused = await idle.sessions.create('unused');
  const used = await sessions.create('used', { absoluteTimeout: TTL, idleTimeout: TTL });
  const touched = await idle.sessions.create('touched', { absoluteTimeout: TTL });
  await Promise.all([
    lives('an access token', () => isLive(sessions.verify(access.accessToken))),
    lives('an access token, asked of Redis', () => isLive(asking.sessions.verify(access.accessToken))),
    lives('the leeway of a refresh token', () => isLive(sessions.refresh(rotated.refreshToken))),
    lives('a session that is not used', () => idle.sessions.get(unused.sessionId)),
    lives('a session, to its absolute end', () => isLive(sessions.refresh(used.refreshToken))),
    lives('a session that is touched, to its absolute end', () => idle.sessions.touch(touched.sessionId)),
  ]);
  expect(await reasonOf(sessions.refresh(successor))).toBe('revoked');
  expect((await sessions.create('repeated', { requestId: 'once' })).sessionId).toBe(repeated.sessionId);
  const [request] = await ask(redis, (client) => client.keys(`${on.keyPrefix}r:*`));
  expectNear(await ask(redis, (client) => client.pttl(request!)), 60_000 - LIFE_MS, 'a requestId is remembered');

  const fresh = await sessions.refresh(access.refreshToken);
  await sessions.verify(fresh.accessToken);
  await asking.sessions.revoke(fresh.sessionId);
  await refused(on, fresh.accessToken);
}

async function tokensLive({ tokens }: TokensUnderTest): Promise<void> {
  const of = { type: 'key', owner: 'ann', ttl: TTL } as const;
  const codeOf = (owner: string) => tokens.createCode({ type: 'code', owner, ttl: TTL });
  const [soon, late] = [(await codeOf('soon'))!, (await codeOf('late'))!];
  expectNear(late.expiresAt, (await serverMs()) + LIFE_MS, 'expiresAt of a code');
  const [plain, custom] = await Promise.all([tokens.create(of), tokens.create({ ...of, token: 'own' })]);
  expectNear(plain.expiresAt!, (await serverMs()) + LIFE_MS, 'expiresAt of a token');
  await Promise.all([
    lives('a token', () => tokens.get(plain)),
    lives('a token of one’s own', () => tokens.get(custom)),
    lives('what counts', () => tokens.count(of)),
    sleep(LIFE_MS / 3).then(async () => {
      expect(await tokens.verifyCode({ type: 'code', owner: 'soon', code: soon.code })).toMatchObject({ valid: true });
    }),
  ]);
  expect(await tokens.verifyCode({ type: 'code', owner: 'late', code: late.code })).toMatchObject({ valid: false });
}

async function cacheLives(cache: CacheUnderTest, other: CacheUnderTest): Promise<void> {
  await cache.set('here', 1, TTL);
  await cache.set('there', 1, TTL);
  expect(await cache.ttl('there')).toBe(3);
  let runs = 0;
  const load = async (): Promise<number> => ++runs;
  await cache.getOrSet('loaded', load, { ttl: TTL });
  expect(await cache.acquireLock('lock', 3)).toBe(true);
  await Promise.all([
    lives('an entry in this process', () => cache.get('here')),
    lives('an entry', () => other.get('there')),
    lives('what was loaded', async () => (await cache.getOrSet('loaded', load, { ttl: TTL })) === 1),
    lives('a lock of the cache', async () => !(await other.acquireLock('lock', 3))),
  ]);
}

async function locksLive(locks: LocksUnderTest, others: LocksUnderTest): Promise<void> {
  const lock = (await locks.tryAcquire('lease', { ttl: TTL }))!;
  expectNear(lock.expiresAt, Date.now() + LIFE_MS, 'expiresAt');
  lock.assertHeld();
  await Promise.all([
    lives('a lease, for its holder', async () => !lock.signal.aborted),
    lives('a lease, for others', async () => (await others.tryAcquire('lease', { ttl: TTL })) === null),
  ]);
  expect(() => lock.assertHeld()).toThrow();
  const next = await others.acquire('lease', { ttl: TTL, wait: '6 s' });
  expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
}

async function limitsLive(limiter: RateLimiter): Promise<void> {
  const throttler = new RedisThrottlerStorage(limiter);
  const checks = (['gcra', 'fixed', 'sliding'] as const).map(async (algorithm) => {
    const limit = { limit: 1, window: TTL, algorithm };
    expect((await limiter.consume(algorithm, limit)).allowed).toBe(true);
    const denied = await limiter.consume(algorithm, limit);
    expect(denied).toMatchObject({ allowed: false, retryAfter: 3 });
    expectNear(denied.resetAt, (await serverMs()) + LIFE_MS, 'resetAt');
    await lives(`a window, ${algorithm}`, async () => !(await limiter.consume(algorithm, limit)).allowed);
  });
  const blocked = async (): Promise<void> => {
    await limiter.block('blocked', TTL);
    await lives('a block', async () => !(await limiter.peek('blocked', { limit: 1, window: '1h' })).allowed);
  };
  const throttled = async (): Promise<void> => {
    const hit = () => throttler.increment('throttled', LIFE_MS, 1, LIFE_MS, 'default');
    await hit();
    expect(await hit()).toMatchObject({ isBlocked: true, timeToBlockExpire: 3, timeToExpire: 3 });
    await lives('a hit of the throttler', async () => (await hit()).isBlocked);
  };
  await Promise.all([...checks, blocked(), throttled()]);
}

describe.each([
  ['120 s ahead of', -120_000],
  ['120 s behind', 120_000],
])('where the clock of Redis is %s that of the process', (_difference, shiftMs) => {
  it('sessions, tokens, codes, cache, locks and limits live for their time within 2 s, and nothing is born dead', async () => {
    using _clock = shiftedClock(shiftMs);
    const options = testOptions({
      redis: redis.url,
      jwt: { clockTolerance: 0 },
      sessions: { accessTokenTtl: TTL, idleTimeout: '60 s', absoluteTimeout: '120 s', refreshLeeway: TTL, touchInterval: '1 ms' },
    });
    const withSessions = (sessions: object) => openSessions({ ...options, sessions: { ...options.sessions, ...sessions } });
    await using on = await openSessions(options);
    await using asking = await withSessions({ revocation: 'remote' });
    await using idle = await withSessions({ idleTimeout: TTL });
    await using tokens = await openTokens(options);
    const own = { redis: redis.url, keyPrefix: options.keyPrefix! };
    await using cache = new CacheUnderTest(own);
    await using otherCache = new CacheUnderTest(own);
    await using locks = new LocksUnderTest(own);
    await using otherLocks = new LocksUnderTest(own);
    const limiter = new RateLimiter(own);
    expect(Math.abs(Date.now() - (await serverMs()) - shiftMs)).toBeLessThan(1_000);
    try {
      await Promise.all([
        sessionsLive(on, asking, idle),
        tokensLive(tokens),
        cacheLives(cache, otherCache),
        locksLive(locks, otherLocks),
        limitsLive(limiter),
      ]);
    } finally {
      await limiter.close();
    }
  });
});
