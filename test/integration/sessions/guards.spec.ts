import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { END_ALL } from '../../../lib/sessions/session.lua.js';
import { JOIN_TENANT, RAISE_TENANT, SETTLE_TENANT } from '../../../lib/sessions/tenant-epoch.lua.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions } from '../../support/sessions.js';

let redis: TestRedis;
let raw: Redis;
beforeAll(async () => {
  redis = await startRedis();
  raw = clientOf(redis);
});
afterAll(async () => {
  raw.disconnect();
  await redis.stop();
});

async function keyOf(prefix: string, letter: 's' | 'u'): Promise<string> {
  const [key, ...others] = await raw.keys(`${prefix}${letter}:*`);
  expect(others).toEqual([]);
  return key!;
}

describe('a refresh token of an earlier chain', () => {
  it('does not log out the session that was authenticated again', async () => {
    await using on = await openSessions({ redis: redis.url });
    const first = await on.sessions.create('ann');
    const second = (await on.sessions.reauthenticated(first.sessionId))!;
    expect(await on.sessions.logout(first.refreshToken)).toBe(false);
    await on.sessions.verify(second.accessToken);
    const third = await on.sessions.refresh(second.refreshToken);
    expect(await on.sessions.logout(third.refreshToken)).toBe(true);
  });
});

describe('a session says', () => {
  it('by which key its refresh tokens are made, unless it is the default one', async () => {
    const refreshKeys = [{ kid: 'b', secret: 'refresh-of-tests-only-9vKc2LmX4pWs8yBd' }];
    await using ours = await openSessions({ redis: redis.url });
    const { keyPrefix } = ours;
    await using theirs = await openSessions({ redis: redis.url, keyPrefix, sessions: { refreshKeys } });
    let { sessionId } = await theirs.sessions.create('ann');
    const kid = async () => raw.hget(`${keyPrefix}s:{${sessionId.slice(0, 6)}}${sessionId.slice(6)}`, 'k');
    expect(await kid()).toBe('b');
    for (const [on, expected] of [
      [ours, null],
      [theirs, 'b'],
    ] as const) {
      await on.sessions.reauthenticated(sessionId);
      expect(await kid()).toBe(expected);
    }
    for (const [on, expected] of [
      [ours, null],
      [theirs, 'b'],
    ] as const) {
      ({ sessionId } = (await on.sessions.regenerate(sessionId))!);
      expect(await kid()).toBe(expected);
    }
  });

  it('when its user authenticated, in every token', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { accessTokenTtl: '1h' } });
    const first = await on.sessions.create('ann');
    const authTimeOf = async ({ accessToken }: { accessToken: string }) => (await on.sessions.verify(accessToken)).authTime.getTime();
    const at = await authTimeOf(first);
    expect(Math.abs(at - Date.now())).toBeLessThan(2_000);
    await raw.hset(await keyOf(on.keyPrefix, 's'), 'A', -60_000_000);
    const shift = async (tokens: { accessToken: string }) => Math.round(((await authTimeOf(tokens)) - at) / 5_000) * 5_000;
    expect(await shift(await on.sessions.refresh(first.refreshToken))).toBe(-60_000);
    const regenerated = (await on.sessions.regenerate(first.sessionId))!;
    expect(await shift(regenerated)).toBe(-60_000);
    const again = (await on.sessions.reauthenticated(regenerated.sessionId))!;
    expect(Math.abs((await authTimeOf(again)) - Date.now())).toBeLessThan(2_000);
  });
});

describe('use of a session', () => {
  it('prolongs it from now on by its idle timeout', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { touchInterval: 0 } });
    const { sessionId } = await on.sessions.create('ann', { idleTimeout: '1h', absoluteTimeout: '30d' });
    const [key, index] = [await keyOf(on.keyPrefix, 's'), await keyOf(on.keyPrefix, 'u')];
    await raw.hincrby(key, 'c', -1_800_000_000);
    expect(await on.sessions.touch(sessionId)).toBe(true);
    const { lastSeenAt, expiresAt } = (await on.sessions.get(sessionId))!;
    expect(Math.abs(lastSeenAt.getTime() - Date.now())).toBeLessThan(5_000);
    expect(expiresAt.getTime() - lastSeenAt.getTime()).toBe(3_600_000);
    expect(Number(await raw.zscore(index, sessionId.slice(6)))).toBe(expiresAt.getTime());
  });

  it('does not prolong it beyond its absolute end', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { touchInterval: 0 } });
    const { sessionId, refreshToken } = await on.sessions.create('ann', { idleTimeout: '1h', absoluteTimeout: '90m' });
    const [key, index] = [await keyOf(on.keyPrefix, 's'), await keyOf(on.keyPrefix, 'u')];
    await raw.hincrby(key, 'c', -3_300_000_000);
    for (const use of [() => on.sessions.touch(sessionId), () => on.sessions.refresh(refreshToken)]) {
      await use();
      const { expiresAt, absoluteExpiresAt } = (await on.sessions.get(sessionId))!;
      expect(expiresAt).toEqual(absoluteExpiresAt);
      expect(Number(await raw.zscore(index, sessionId.slice(6)))).toBe(absoluteExpiresAt.getTime());
    }
  });
});

describe('a session of somebody else under the same id', () => {
  it('is neither ended by our token, nor does its end say anything of ours', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { revocation: 'remote' } });
    const { accessToken } = await on.sessions.create('ann');
    const [key, index] = [await keyOf(on.keyPrefix, 's'), await keyOf(on.keyPrefix, 'u')];
    const rest = key.slice(key.indexOf('}') + 1);
    await raw.zadd(index.replace(/ann$/, 'bob'), (await raw.zscore(index, rest))!, rest);
    await raw.hset(key, 'u', 'bob');
    expect(await on.sessions.logout(accessToken)).toBe(false);
    expect(await on.sessions.revokeToken(accessToken)).toBe(false);
    await raw.hset(key, 'z', 'r');
    await raw.zrem(index, rest);
    expect(await reasonOf(on.sessions.verify(accessToken))).toBe('invalid');
  });
});

describe('what is left of a session that has ended', () => {
  it.each(['revoke', 'logout', 'regenerate', 'reuse', 'eviction'] as const)(
    'by %s says whose it was and how it ended, and nothing else',
    async (how) => {
      await using on = await openSessions({ redis: redis.url, sessions: { limit: 1, refreshLeeway: 0 } });
      const { sessionId, refreshToken } = await on.sessions.create('ann', {
        data: { a: 1 },
        claims: { b: 2 },
        scopes: ['c'],
        device: { name: 'd' },
      });
      const key = await keyOf(on.keyPrefix, 's');
      if (how === 'revoke') await on.sessions.revoke(sessionId);
      if (how === 'logout') await on.sessions.logout(refreshToken);
      if (how === 'regenerate') await on.sessions.regenerate(sessionId);
      if (how === 'eviction') await on.sessions.create('ann');
      if (how === 'reuse') {
        await on.sessions.refresh(refreshToken);
        expect(await reasonOf(on.sessions.refresh(refreshToken))).toBe('reused');
      }
      expect((await raw.hkeys(key)).sort()).toEqual(['h', 'u', 'z']);
    },
  );
});

describe('the repeat of a sign-in whose session has ended meanwhile', () => {
  it('gets what the first one got, which is over', async () => {
    await using on = await openSessions({ redis: redis.url });
    const first = await on.sessions.create('ann', { requestId: 'r' });
    await on.sessions.revoke(first.sessionId);
    const again = await on.sessions.create('ann', { requestId: 'r' });
    expect(again.sessionId).toBe(first.sessionId);
    expect(await reasonOf(on.sessions.verify(again.accessToken))).toBe('revoked');
    expect(await reasonOf(on.sessions.refresh(again.refreshToken))).toBe('revoked');
    expect(await on.sessions.count('ann')).toBe(0);
  });
});

describe('a Redis that lost what had been raised', () => {
  it('of a tenant: a sign-in raises it again, and does not fall behind what its user’s sessions know', async () => {
    await using on = await openSessions({ redis: redis.url });
    await on.sessions.create('ann', { tenant: 'acme' });
    const index = await keyOf(on.keyPrefix, 'u');
    const later = Number(await raw.zscore(index, 't')) + 5;
    await raw.zadd(index, later, 't');
    const { accessToken } = await on.sessions.create('ann', { tenant: 'acme' });
    expect(Number(await raw.zscore(index, 't'))).toBeGreaterThanOrEqual(later);
    await on.sessions.verify(accessToken);
  });

  it('of a user: a sign-in ends what had been ended, and raises it again', async () => {
    await using on = await openSessions({ redis: redis.url });
    const ended = await on.sessions.create('ann');
    const keys = [await keyOf(on.keyPrefix, 's'), await keyOf(on.keyPrefix, 'u')];
    const before = await Promise.all(keys.map((key) => raw.dumpBuffer(key)));
    expect(await on.sessions.revokeAll('ann')).toBe(1);
    const epoch = Number(await raw.zscore(keys[1]!, 'u'));
    for (const [n, key] of keys.entries()) await raw.restore(key, 3_600_000, before[n]!, 'REPLACE');
    const next = await on.sessions.create('ann');
    expect((await on.sessions.list('ann')).map(({ sessionId }) => sessionId)).toEqual([next.sessionId]);
    expect(await reasonOf(on.sessions.refresh(ended.refreshToken))).toBe('revoked');
    expect(Number(await raw.zscore(keys[1]!, 'u'))).toBeGreaterThanOrEqual(epoch);
    await on.sessions.verify(next.accessToken);
  });

  it('and of one that lost nothing: what is done again there ends no session that was begun since', async () => {
    await using on = await openSessions({ redis: redis.url });
    await on.sessions.create('ann');
    await on.sessions.revokeAll('ann');
    const next = await on.sessions.create('ann');
    const index = (await raw.keys(`${on.keyPrefix}u:*`))[0]!;
    const epoch = (await raw.zscore(index, 'u'))!;
    const [reply] = await END_ALL.run(raw, [index], ['nobody listens', '', 'revoke-all', 900_000, epoch]);
    expect(reply).toEqual([0, null]);
    await on.sessions.verify(next.accessToken);
    expect(await on.sessions.count('ann')).toBe(1);
  });
});

describe('the epoch of a tenant', () => {
  it('is kept for as long as any of those who ask wants, and stays marked until what was raised last is told', async () => {
    const key = 'p:t:{guards}';
    const join = (ms: number, least = '') => JOIN_TENANT.run(raw, [key], [ms, least]);
    const epoch = Number(await join(10_000));
    expect(await raw.pttl(key)).toBeLessThanOrEqual(10_000);
    expect(Number(await join(60_000))).toBe(epoch);
    expect(Number(await join(10_000))).toBe(epoch);
    expect(await raw.pttl(key)).toBeGreaterThan(10_000);
    expect(await RAISE_TENANT.run(raw, [key], [10_000])).toBe(`${epoch + 1}!`);
    expect(await RAISE_TENANT.run(raw, [key], [90_000])).toBe(`${epoch + 2}!`);
    expect(await raw.pttl(key)).toBeGreaterThan(60_000);
    await SETTLE_TENANT.run(raw, [key], [`${epoch + 1}!`]);
    expect(await join(10_000)).toBe(`${epoch + 2}!`);
    await SETTLE_TENANT.run(raw, [key], [`${epoch + 2}!`]);
    expect(await join(10_000)).toBe(String(epoch + 2));
    expect(await join(10_000, String(epoch + 9))).toBe(String(epoch + 9));
    expect(await join(10_000, String(epoch + 5))).toBe(String(epoch + 9));
    expect(await raw.pttl(key)).toBeGreaterThan(60_000);
  });
});
