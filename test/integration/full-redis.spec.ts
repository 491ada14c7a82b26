import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisAuthKeyvStore } from '../../lib/adapters/keyv/index.js';
import { oidcProviderAdapter } from '../../lib/adapters/oidc-provider/index.js';
import { RedisThrottlerStorage } from '../../lib/adapters/throttler/index.js';
import { LockStoreUnavailableError, StoreFullError } from '../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { clientOf } from '../support/ask.js';
import { captureLog } from '../support/open-connection.js';
import { outcomeOf } from '../support/session-outcomes.js';
import { TEST_SECRET } from '../support/sessions.js';
import { until } from '../support/until.js';
import { Services } from './naughty-strings/kinds.js';
import { issued, newId } from './oidc-provider/issued.js';

let redis: TestRedis;
let server: Redis;
let services: Services;
let log: string[];
beforeEach(async () => {
  log = captureLog();
  redis = await startRedis();
  server = clientOf(redis);
  services = await Services.open(redis.url);
});
afterEach(async () => {
  await services[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

async function fill(): Promise<void> {
  await server.config('SET', 'maxmemory-policy', 'noeviction');
  await server.config('SET', 'maxmemory', '1mb');
  await expect(server.set('more', 'x')).rejects.toThrow(/^OOM/);
}

const room = (): Promise<unknown> => server.config('SET', 'maxmemory', '0');

/** Each refused by the error, and no key more or less afterwards. */
async function areRefused(calls: Record<string, () => Promise<unknown>>, type: new (...args: never[]) => Error): Promise<void> {
  const size = await server.dbsize();
  for (const [name, call] of Object.entries(calls)) expect((await outcomeOf(call())).error, name).toBeInstanceOf(type);
  expect(await server.dbsize()).toBe(size);
}

const ttl = '5m';
const token = { accessToken: 'a', refreshToken: 'r', resourceUrl: '' };
const credentials = { clientId: 'id', clientSecret: 'secret', redirectUri: '' };
const pkce = { codeVerifier: 'v', codeChallenge: 'c', resourceUrl: '', url: '' };

describe('a Redis that is full', () => {
  it('OAuth tokens and codes: what adds is refused as a whole with DBSIZE unchanged; reading and ending go on', async () => {
    const { oauth, introspected, on } = services;
    const code = { type: 'code', owner: 'ann' };
    await oauth.saveClientCredentials('https://as.test', credentials);
    await oauth.savePKCEValues('ann', 'state', pkce);
    await oauth.saveAccessToken('ann', 'https://rs.test', token);
    await oauth.storeToken('key', 'token');
    await introspected.introspect('known', () => ({ active: true, n: 1 }));
    await until(async () => (await server.keys('*v:{*}')).length > 0, { what: 'the answer is kept, for which nobody waits' });
    const issuedCode = (await on.tokens.createCode(code))!;
    await fill();

    await areRefused(
      {
        'oauth.saveClientCredentials': () => oauth.saveClientCredentials('https://other.test', credentials),
        'oauth.savePKCEValues': () => oauth.savePKCEValues('ann', 'other', pkce),
        'oauth.saveAccessToken': () => oauth.saveAccessToken('ann', 'https://other.test', token),
        'oauth.storeToken': () => oauth.storeToken('other', 'token'),
        'tokens.createCode': () => on.tokens.createCode({ ...code, owner: 'bob' }),
      },
      StoreFullError,
    );
    expect(await introspected.introspect('unknown', () => ({ active: true, n: 2 }))).toEqual({ active: true, n: 2 });
    expect(await introspected.introspect('known', () => ({ active: false }))).toEqual({ active: true, n: 1 });
    expect(await oauth.getClientCredentials('https://as.test')).toEqual(credentials);
    expect(await oauth.getPKCEValues('ann', 'state')).toEqual(pkce);
    expect(await oauth.getAccessToken('ann', 'https://rs.test')).toEqual(token);
    expect(await oauth.listTokens()).toEqual(['key']);
    expect(await oauth.hasToken('key')).toBe(true);
    expect(await oauth.deleteToken('key')).toBe(true);
    await introspected.evict('known');
    expect(await introspected.introspect('known', () => ({ active: false }))).toEqual({ active: false });
    expect(await on.tokens.verifyCode({ ...code, code: 'wrong' })).toMatchObject({ valid: false, attemptsLeft: 4 });
    expect(await on.tokens.verifyCode({ ...code, code: issuedCode.code })).toMatchObject({ valid: true });

    await room();
    await oauth.storeToken('other', 'token');
    expect(await oauth.getToken('other')).toBe('token');
    expect(await on.tokens.createCode(code)).not.toBeNull();
  });

  it('locks: none is given; those that are held are extended and released', async () => {
    const { locks } = services;
    const [lock, grouped] = [await locks.acquire('held', { ttl }), await locks.acquire({ group: 'g', keys: ['held'] }, { ttl })];
    await fill();
    await areRefused(
      {
        'locks.tryAcquire': () => locks.tryAcquire('free', { ttl }),
        'locks.acquire': () => locks.acquire('free', { ttl }),
        'locks.acquire of a group': () => locks.acquire({ group: 'free', keys: ['a'] }, { ttl }),
        'locks.using': () => locks.using('free', { ttl }, () => Promise.reject(new Error('was let in'))),
      },
      LockStoreUnavailableError,
    );
    for (const held of [lock, grouped]) {
      held.assertHeld();
      await held.extend(ttl);
      expect(await held.release()).toBe(true);
    }
    await room();
    await using again = await locks.acquire('held', { ttl });
    expect(again.fencingToken).toBeGreaterThan(lock.fencingToken);
  });

  it('the cache: nothing is kept and nobody hears of it; what is there is read, deleted and ended by its tags', async () => {
    const { cache } = services;
    const keyv = new RedisAuthKeyvStore(cache);
    await cache.set('kept', 'x', ttl);
    await cache.set('deleted', 'x', ttl);
    await cache.getOrSet('tagged', async () => 1, { ttl, tags: ['tag'] });
    expect(await cache.acquireLock('held', ttl)).toBe(true);
    await fill();
    const size = await server.dbsize();
    await cache.set('more', 'x', ttl);
    await keyv.set('more', 'x', 60_000);
    expect(await cache.get('more')).toBeNull();
    expect(await keyv.get('more')).toBeUndefined();
    expect(await cache.getOrSet('loaded', async () => 1, { ttl })).toBe(1);
    expect(await cache.acquireLock('free', ttl)).toBe(false);
    expect(await server.dbsize()).toBe(size);

    expect(await cache.get('kept')).toBe('x');
    expect(await cache.ttl('kept')).toBeGreaterThan(290);
    await cache.delete('deleted');
    expect(await cache.get('deleted')).toBeNull();
    await cache.invalidateTags('tag');
    expect(await cache.getOrSet('tagged', async () => 2, { ttl, tags: ['tag'] })).toBe(2);
    await cache.releaseLock('held');
    await room();
    await cache.set('kept', 'y', ttl);
    expect(await cache.get('kept')).toBe('y');
    expect(await cache.acquireLock('held', ttl)).toBe(true);
  });

  it('rate limits: each instance limits by itself; what was counted in Redis goes on when there is room, unless it was forgotten', async () => {
    const { limiter } = services;
    const throttler = new RedisThrottlerStorage(limiter);
    const limit = { limit: 3, window: '1h' } as const;
    await limiter.consume('known', limit);
    await limiter.consume('forgotten', limit);
    await fill();
    const size = await server.dbsize();
    const decided = [];
    for (let n = 0; n < 6; n++) decided.push((await limiter.consume('new', limit)).allowed);
    expect(decided).toEqual([true, true, true, false, false, false]);
    const hits = [];
    for (let n = 0; n < 3; n++) hits.push((await throttler.increment('new', 60_000, 2, 0, 'default')).isBlocked);
    expect(hits).toEqual([false, false, true]);
    expect((await limiter.login({ account: 'ann', ip: '192.0.2.1' })).allowed).toBe(true);
    // for as long as it takes to look twice whether there is room
    const began = performance.now();
    await until(async () => (await limiter.consume('new', limit)).allowed || performance.now() - began > 700);
    expect(log.filter((line) => line.includes('rate limits'))).toHaveLength(1);
    await areRefused({ 'rateLimit.block': () => limiter.block('new', '1h') }, StoreFullError);
    expect(await server.dbsize()).toBe(size);
    expect((await limiter.peek('known', limit)).remaining).toBe(3);
    expect(await limiter.reset('forgotten')).toBe(true);
    await room();
    await until(async () => (await limiter.peek('known', limit)).remaining === 2, { within: 2_000, what: 'Redis is asked again' });
    expect((await limiter.peek('forgotten', limit)).remaining).toBe(3);
    await limiter.reset('new');
    expect(await limiter.consume('new', limit)).toMatchObject({ allowed: true, remaining: 2 });
    expect(await server.dbsize()).toBe(size);
  });

  it('storage of oidc-provider: nothing is issued; what is there is found, used up, destroyed and revoked with its grant', async () => {
    const adapter = oidcProviderAdapter({ redis: redis.url, keyPrefix: 'o:', secret: TEST_SECRET });
    try {
      const one = await issued(adapter, 'RefreshToken');
      const other = await issued(adapter, 'RefreshToken');
      await fill();
      await areRefused(
        {
          'upsert of a session': () => adapter('Session').upsert(newId(), { jti: 'x', kind: 'Session' }, 60),
          'upsert of a grant': () => adapter('Grant').upsert(newId(), { jti: 'x', kind: 'Grant' }, 60),
          'upsert of a token': () => adapter('RefreshToken').upsert(newId(), one.payload, 60),
        },
        StoreFullError,
      );
      expect(await adapter('RefreshToken').find(one.id)).toMatchObject({ grantId: one.grantId });
      await adapter('RefreshToken').consume(one.id);
      await adapter('RefreshToken').destroy(one.id);
      expect(await adapter('RefreshToken').find(one.id)).toBeUndefined();
      await adapter('RefreshToken').revokeByGrantId(other.grantId);
      expect(await adapter('RefreshToken').find(other.id)).toBeUndefined();
      await room();
      await issued(adapter, 'RefreshToken');
    } finally {
      await adapter.close();
    }
  });
});
