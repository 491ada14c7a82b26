import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  CacheAdapter,
  DistributedLock,
  OAuthTokenStore,
  RateLimiter,
  RedisAuthConnection,
  RedisAuthModule,
  SessionService,
  StoreStatistics,
  TokenMigration,
  TokenStore,
} from 'nestjs-redis-auth';
import { RedisThrottlerStorage } from 'nestjs-redis-auth/throttler';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { Listening } from '../../support/listen.js';
import { TEST_SECRET, testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const USER = 'user-ann-of-the-secret-garden';
const SECRET_TEXTS = [
  'data-value-1',
  'lock-key-1',
  'cache-key-1',
  'limit-key-1',
  'app-token-1',
  'foreign-access-1',
  'https://mcp.test',
  'reason-1',
];

let redis: TestRedis;
let app: INestApplicationContext;

async function boot(options: Parameters<typeof testOptions>[0] = {}): Promise<void> {
  const module = await Test.createTestingModule({
    imports: [RedisAuthModule.forRoot(testOptions({ redis: redis.url, commandTimeout: 2_000, audit: 'off', ...options }))],
  }).compile();
  module.useLogger(false);
  app = await module.init();
}

beforeEach(async () => {
  redis = await startRedis();
});

afterEach(async () => {
  await app.close();
  await redis.stop();
});

const refused = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'it was not refused',
    (error: Error) => error.name,
  );

/** Each service in good times; returns what nobody may be told. */
async function useEverything(): Promise<string[]> {
  const sessions = app.get(SessionService);
  const first = await sessions.create(USER, { data: { note: 'data-value-1' } });
  const { sessionId } = first;
  await sessions.verify(first.accessToken);
  await sessions.verify(first.accessToken, { data: true });
  const second = await sessions.refresh(first.refreshToken);
  const third = await sessions.refresh(second.refreshToken);
  await sessions.get(sessionId, { data: true });
  await sessions.list(USER);
  await sessions.count(USER);
  await sessions.update(sessionId, { note: 'data-value-1' });
  await sessions.touch(sessionId);
  await sessions.touch(sessionId);
  const fourth = (await sessions.reauthenticated(sessionId))!;
  const fifth = (await sessions.regenerate(sessionId))!;
  await sessions.revokeToken(fifth.accessToken);
  await sessions.revoke(fifth.sessionId, 'reason-1');
  const other = await sessions.create(USER);
  await sessions.logout(other.refreshToken);
  await sessions.revokeAll(USER);
  await sessions.revokeTenant('acme-tenant');

  const tokens = app.get(TokenStore);
  const stored = await tokens.create({ type: 'api', owner: USER, data: { note: 'data-value-1' } });
  await tokens.get({ type: 'api', token: stored.token });
  await tokens.list({ type: 'api', owner: USER });
  await tokens.consume({ type: 'api', token: stored.token });
  // a shorter one may stand in the digits of a duration
  const code = await tokens.createCode({ type: 'mail', owner: USER, length: 12 });
  await tokens.verifyCode({ type: 'mail', owner: USER, code: code!.code });
  await app.get(TokenMigration).importTokens([]);

  const oauth = app.get(OAuthTokenStore);
  await oauth.saveAccessToken(USER, 'https://mcp.test', { accessToken: 'foreign-access-1', resourceUrl: 'https://mcp.test' });
  await oauth.getAccessToken(USER, 'https://mcp.test');

  const cache = app.get(CacheAdapter);
  await cache.set('cache-key-1', 'data-value-1', '1m');
  await cache.get('cache-key-1');
  await cache.getOrSet('cache-key-1.2', async () => 'data-value-1', { ttl: '1m' });

  const locks = app.get(DistributedLock);
  await locks.using('lock-key-1', { ttl: '1s' }, async () => 1);
  await (await locks.acquire('lock-key-1', { ttl: '1s' })).release();

  const limiter = app.get(RateLimiter);
  await limiter.consume('limit-key-1', { limit: 2, window: '1m' });
  await limiter.consume('limit-key-1', [{ limit: 2, window: '1m' }]);
  await limiter.login({ account: USER, ip: '192.0.2.7' });
  await new RedisThrottlerStorage(limiter).increment('limit-key-1', 1_000, 5, 0, 'default');

  await app.get(RedisAuthConnection).ping();
  await app.get(StoreStatistics).statistics({ sample: 1 });
  const pairs = [first, second, third, fourth, fifth, other];
  const parts = pairs.flatMap(({ accessToken, refreshToken }) => [
    ...accessToken.split('.').slice(1),
    ...refreshToken.split('.').slice(1, 3),
  ]);
  // a generation is a number that may stand anywhere
  return [...parts.filter((part) => part.length > 8), ...pairs.map((pair) => pair.sessionId), stored.token, stored.id, code!.code, USER];
}

describe('diagnostics channels', () => {
  it('tell each operation of each service with name, outcome and duration, and never a token, an id or a secret', async () => {
    await boot();
    using told = new Listening();
    const secrets = [...(await useEverything()), ...SECRET_TEXTS, TEST_SECRET, 'acme-tenant', '192.0.2.7', redis.url];

    const rooms = new Set(told.operations.map(({ operation }) => operation.split('.')[0]));
    expect([...rooms].sort()).toEqual(
      ['cache', 'connection', 'locks', 'migration', 'oauth', 'rateLimit', 'sessions', 'statistics', 'throttler', 'tokens'].sort(),
    );
    for (const { operation, outcome, durationMs, instance } of told.operations) {
      expect({ operation, outcome, instance }).toEqual({ operation, outcome: 'ok', instance: 'default' });
      expect(durationMs, operation).toBeGreaterThan(0);
      expect(durationMs, operation).toBeLessThan(10_000);
    }
    expect(told.tally).toMatchObject({
      'sessions.create ok': 2,
      'sessions.verify ok': 2,
      'sessions.touch ok': 2,
      'rateLimit.consume ok': 2,
    });
    expect(told.of('lock')).toMatchObject([
      { operation: 'locks.using', outcome: 'ok' },
      { operation: 'locks.acquire', outcome: 'ok' },
    ]);
    expect(told.of('cache').map(({ operation, result }) => [operation, result])).toEqual([
      ['cache.get', 'redis'],
      ['cache.getOrSet', 'miss'],
    ]);
    expect(told.of('limit').map(({ by, allowed }) => [by, allowed])).toEqual(Array.from({ length: 4 }, () => ['redis', true]));

    expect(told.texts.length).toBeGreaterThan(4 * told.operations.length);
    for (const secret of secrets)
      expect(
        told.texts.filter((text) => text.includes(secret)),
        secret,
      ).toEqual([]);
  });

  it('tell refusals by their reason, reuse once, and what is busy or wrong', async () => {
    await boot({ sessions: { limit: { max: 1, onExceeded: 'reject' }, refreshLeeway: 0 } });
    const sessions = app.get(SessionService);
    const first = await sessions.create(USER);
    using told = new Listening();
    await refused(sessions.create(USER));
    await refused(sessions.create(''));
    await refused(sessions.verify('a.b.c'));
    const second = await sessions.refresh(first.refreshToken);
    await sessions.refresh(second.refreshToken);
    expect(await refused(sessions.refresh(first.refreshToken))).toBe('InvalidTokenError');
    await refused(sessions.verify(first.accessToken));
    const locks = app.get(DistributedLock);
    const lock = await locks.acquire('lock-key-1', { ttl: '5s' });
    await refused(locks.acquire('lock-key-1', { ttl: '5s', wait: 0 }));
    await refused(locks.acquire('lock-key-1', { ttl: '5s', wait: '5s', signal: AbortSignal.timeout(20) }));
    await lock.release();
    await refused(app.get(CacheAdapter).getOrSet('cache-key-1', () => Promise.reject(new Error('data-value-1')), { ttl: 1 }));
    const limiter = app.get(RateLimiter);
    for (let n = 0; n < 3; n++) await limiter.consume('limit-key-1', { limit: 1, window: '1m' });

    expect(told.tally).toEqual({
      'sessions.create refused session-limit': 1,
      'sessions.create invalid-argument': 1,
      'sessions.verify refused malformed': 1,
      'sessions.refresh ok': 2,
      'sessions.refresh refused reused': 1,
      'sessions.verify refused revoked': 1,
      'locks.acquire ok': 1,
      'locks.acquire busy': 1,
      'locks.acquire aborted': 1,
      'cache.getOrSet failed': 1,
      'rateLimit.consume ok': 3,
    });
    expect(told.of('reuse')).toEqual([{ instance: 'default' }]);
    expect(told.of('lock').map(({ outcome }) => outcome)).toEqual(['ok', 'busy', 'aborted']);
    expect(told.of('limit').map(({ allowed, by }) => [allowed, by])).toEqual([
      [true, 'redis'],
      [false, 'redis'],
      [false, 'memory'],
    ]);
    for (const secret of [...SECRET_TEXTS, USER, first.sessionId])
      expect(
        told.texts.filter((text) => text.includes(secret)),
        secret,
      ).toEqual([]);
  });

  it('tell an outage: what fails, how long that took, and each change of state once', async () => {
    await boot({ sessions: { maxStaleness: '300 ms' } });
    const sessions = app.get(SessionService);
    const { accessToken } = await sessions.create(USER);
    await app.get(CacheAdapter).set('cache-key-1', 'data-value-1', '1m');
    using told = new Listening();
    await redis.kill();
    await until(() => told.of('state').some(({ part, state }) => part === 'redis' && state === 'down'));
    await until(() => told.of('state').some(({ part, state }) => part === 'revocations' && state === 'down'));
    await refused(sessions.create(USER));
    await refused(sessions.verify(accessToken));
    await refused(app.get(TokenStore).create({ type: 'api', owner: USER }));
    await refused(app.get(DistributedLock).acquire('lock-key-1', { ttl: '5s' }));
    await app.get(CacheAdapter).get('cache-key-1');
    await app.get(RateLimiter).consume('limit-key-1', { limit: 1, window: '1m' });

    expect(told.tally).toMatchObject({
      'sessions.create unavailable': 1,
      'sessions.verify unavailable': 1,
      'tokens.create unavailable': 1,
      'locks.acquire unavailable': 1,
      'cache.get ok': 1,
      'rateLimit.consume ok': 1,
    });
    for (const { operation, durationMs } of told.operations) expect(durationMs, operation).toBeLessThan(1_000);
    expect(told.of('cache')).toEqual([{ instance: 'default', operation: 'cache.get', result: 'unavailable' }]);
    expect(told.of('limit')).toEqual([{ instance: 'default', operation: 'rateLimit.consume', allowed: true, by: 'instance' }]);

    await redis.restart();
    const changes = (): string[] => told.of('state').map(({ part, state }) => `${String(part)} ${String(state)}`);
    await until(() => changes().includes('revocations up') && changes().includes('rate-limits up') && changes().includes('redis up'));
    await until(async () => {
      await app.get(CacheAdapter).set('cache-key-1', 'data-value-1', '1m');
      return changes().includes('cache up');
    });
    const parts = ['cache', 'rate-limits', 'redis', 'revocations'];
    expect(
      changes()
        .filter((change) => !change.startsWith('local-cache'))
        .sort(),
    ).toEqual(parts.flatMap((part) => [`${part} down`, `${part} up`]));
    expect(told.of('state').find(({ part }) => part === 'redis')).toMatchObject({ reason: 'connection-refused' });
  });

  it('tell ids of users and sessions where traceIds asks for them, and still no token', async () => {
    await boot({ traceIds: true, sessions: { refreshLeeway: 0 } });
    const sessions = app.get(SessionService);
    using told = new Listening();
    const first = await sessions.create(USER);
    const { sessionId } = first;
    await sessions.verify(first.accessToken);
    const second = await sessions.refresh(first.refreshToken);
    await sessions.refresh(second.refreshToken);
    await refused(sessions.refresh(first.refreshToken));
    await sessions.revoke(sessionId);
    const ids = told.operations.map(({ operation, userId, sessionId: of }) => [operation, userId, of]);
    expect(ids).toEqual([
      ['sessions.create', USER, sessionId],
      ['sessions.verify', USER, sessionId],
      ['sessions.refresh', undefined, sessionId],
      ['sessions.refresh', undefined, sessionId],
      ['sessions.refresh', undefined, undefined],
      ['sessions.revoke', undefined, sessionId],
    ]);
    expect(told.of('reuse')).toEqual([{ instance: 'default', sessionId }]);
    const parts = [first, second].flatMap(({ accessToken, refreshToken }) => [
      ...accessToken.split('.').slice(1),
      refreshToken.split('.')[2]!,
    ]);
    for (const part of parts)
      expect(
        told.texts.filter((text) => text.includes(part)),
        part,
      ).toEqual([]);
  });
});
