import { randomBytes } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask, clientOf } from '../../support/ask.js';
import { captureLog } from '../../support/open-connection.js';
import { EventsHeard, reasonOf } from '../../support/session-outcomes.js';
import { openSessions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ users: ['mute on >pw-of-mute ~* +@all'] });
});
afterAll(() => redis.stop());

describe('the index of a user', () => {
  it('does not grow by sign-ins alone, whose sessions expire', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { idleTimeout: '60 ms' } });
    const raw = clientOf(redis.url);
    for (let n = 0; n < 10; n++) {
      const [latest] = await Promise.all(Array.from({ length: 3 }, () => on.sessions.create('often')));
      await until(async () => (await on.sessions.verify(latest!.accessToken).catch(() => 'ended')) === 'ended');
    }
    const [index] = (await raw.keys(`${on.keyPrefix}u:*`)) as [string];
    expect(await raw.zcard(index)).toBeLessThan(20);
    raw.disconnect();
  });

  it('J11 tells of each of hundreds that expired at once, and each says so to refresh', async () => {
    await using on = await openSessions({ redis: redis.url, commandTimeout: 10_000, sessions: { idleTimeout: '150 ms', limit: 1000 } });
    const tokens = await Promise.all(Array.from({ length: 300 }, () => on.sessions.create('many')));
    await until(async () => (await on.sessions.count('many')) === 0);
    const reasons = await Promise.all(tokens.map(({ refreshToken }) => reasonOf(on.sessions.refresh(refreshToken))));
    expect(new Set(reasons)).toEqual(new Set(['expired']));
  });
});

describe('bounds', () => {
  it('takes data of exactly the bound, at sign-in and merged', async () => {
    await using on = await openSessions({ redis: inject('redisUrl') });
    const exactly = { x: 'a'.repeat(16_384 - '{"x":""}'.length) };
    const { sessionId } = await on.sessions.create('ann', { data: exactly });
    await expect(on.sessions.create('ann', { data: { x: `${exactly.x}a` } })).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(on.sessions.update(sessionId, { y: 1 })).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(await on.sessions.update(sessionId, { x: exactly.x.slice(6), y: 1 })).toMatchObject({ data: { y: 1 } });
  });

  it('refuses data that JSON would change, and more fields than a script takes', async () => {
    await using on = await openSessions({ redis: inject('redisUrl'), sessions: { maxDataBytes: 1_048_576 } });
    for (const data of [{ a: [1, undefined] }, { a: new Map([[1, 2]]) }, { a: new Set([1]) }, { a: { b: [undefined] } }]) {
      await expect(on.sessions.create('ann', { data })).rejects.toBeInstanceOf(InvalidArgumentError);
    }
    const many = Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`k${n}`, 1]));
    await expect(on.sessions.create('ann', { data: many })).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it('refuses claims at refresh that no access token could carry, and keeps the old ones', async () => {
    await using on = await openSessions({ redis: inject('redisUrl'), sessions: { maxClaimsBytes: 8192 } });
    const { refreshToken } = await on.sessions.create('ann', { claims: { a: 1 } });
    await expect(on.sessions.refresh(refreshToken, { claims: { x: 'x'.repeat(7000) } })).rejects.toBeInstanceOf(InvalidArgumentError);
    const large = await on.sessions.refresh(refreshToken, { claims: { x: 'x'.repeat(5000) } });
    expect((await on.sessions.verify(large.accessToken)).claims).toEqual({ x: 'x'.repeat(5000) });
  });
});

describe('events', () => {
  it('S14 may fail: a user without channels signs in, refreshes and logs out all the same', async () => {
    await using on = await openSessions({ redis: redis.url });
    await using mute = await openSessions({ redis: `redis://mute:pw-of-mute@127.0.0.1:${redis.port}`, keyPrefix: on.keyPrefix });
    const tokens = await mute.sessions.create('ann');
    const next = await mute.sessions.refresh(tokens.refreshToken);
    await mute.sessions.verify(next.accessToken);
    expect(await mute.sessions.logout(next.refreshToken)).toBe(true);
    expect(await on.sessions.count('ann')).toBe(0);
  });

  it('that may not be heard are told of once, and hold no call up for long', async () => {
    const log = captureLog();
    await using mute = await openSessions({ redis: `redis://mute:pw-of-mute@127.0.0.1:${redis.port}` });
    const told = () => log.filter((line) => line.includes('session events are not heard'));
    for (let n = 0; n < 2; n++) mute.sessions.events.subscribe(() => undefined);
    await until(() => told().length > 0);
    await mute.sessions.verify((await mute.sessions.create('ann')).accessToken);
    expect(told()).toHaveLength(1);
  });

  it('of expiries come when they are noticed where CONFIG is refused, which is told', async () => {
    await ask(redis, (client) => client.acl('SETUSER', 'managed', 'on', '>pw-of-managed', '~*', '&*', '+@all', '-config'));
    const log = captureLog();
    await using on = await openSessions({
      redis: `redis://managed:pw-of-managed@127.0.0.1:${redis.port}`,
      sessions: { keyspaceNotifications: true },
    });
    await until(() => log.some((line) => line.includes('CONFIG is refused; see to notify-keyspace-events')));
    await on.sessions.verify((await on.sessions.create('ann')).accessToken);
  });

  it('of another database of the same server are not ours', async () => {
    const keyPrefix = `db-${randomBytes(4).toString('hex')}:`;
    await using zero = await openSessions({ redis: { path: redis.socketPath, db: 0 }, keyPrefix });
    await using one = await openSessions({ redis: { path: redis.socketPath, db: 1 }, keyPrefix });
    using ofZero = await EventsHeard.of(zero.sessions);
    using ofOne = await EventsHeard.of(one.sessions);
    await one.sessions.create('in-one');
    await zero.sessions.create('in-zero');
    expect((await ofZero.untilNow()).map(({ userId }) => userId)).toEqual(['in-zero']);
    expect((await ofOne.untilNow()).map(({ userId }) => userId)).toEqual(['in-one']);
  });
});

it('a tombstone outlives the access tokens of the instance that issued the last of them', async () => {
  await using brief = await openSessions({ redis: redis.url, sessions: { accessTokenTtl: 1 }, jwt: { clockTolerance: 0 } });
  await using long = await openSessions({ redis: redis.url, keyPrefix: brief.keyPrefix, sessions: { accessTokenTtl: '1h' } });
  const raw = clientOf(redis.url);
  for (const renew of ['regenerate', 'reauthenticated', 'refresh'] as const) {
    const first = await brief.sessions.create('ann');
    const renewed = (await long.sessions[renew](renew === 'refresh' ? first.refreshToken : first.sessionId))!;
    await brief.sessions.revoke(renewed.sessionId);
    const key = `${brief.keyPrefix}s:{${renewed.sessionId.slice(0, 6)}}${renewed.sessionId.slice(6)}`;
    expect(await raw.pttl(key)).toBeGreaterThan(3_500_000);
  }
  raw.disconnect();
});

it.each([{ stringNumbers: true }, { protocol: 3, replyMapping: 'resp3' }, { enableAutoPipelining: true }, { lazyConnect: true }] as const)(
  "works on an application's own client with %j",
  async (options) => {
    const client = new Redis(redis.socketPath, options as Omit<RedisOptions, 'replyMapping'>);
    await using on = await openSessions({ redis: { client } });
    const tokens = await on.sessions.create('ann', { tenant: 'acme', data: { a: 1 } });
    expect((await on.sessions.verify(tokens.accessToken, { data: true })).data).toEqual({ a: 1 });
    const next = await on.sessions.refresh(tokens.refreshToken);
    const [info] = await on.sessions.list('ann', { tenant: 'acme' });
    expect(info).toMatchObject({ sessionId: tokens.sessionId, generation: 2, version: 0, expiresAt: next.refreshTokenExpiresAt });
    expect(await on.sessions.count('ann', { tenant: 'acme' })).toBe(1);
    expect(await on.sessions.touch(tokens.sessionId)).toBe(true);
    expect(await on.sessions.update(tokens.sessionId, { a: 2 })).toMatchObject({ version: 1, data: { a: 2 } });
    expect(await on.sessions.revoke(tokens.sessionId)).toBe(true);
    expect(await on.sessions.revokeAll('ann', { tenant: 'acme' })).toBe(0);
    expect(await reasonOf(on.sessions.verify(next.accessToken))).toBe('revoked');
    client.disconnect();
  },
);
