import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreFullError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { outcomeOf, reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let server: Redis;
let on: SessionsUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  server = clientOf(redis);
});

async function openWith(revocation: 'local' | 'remote'): Promise<void> {
  on = await openSessions({ redis: redis.url, keyPrefix: 'p:', sessions: { touchInterval: '1 ms', revocation } });
}
afterEach(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

describe.each(['local', 'remote'] as const)('a Redis that is full, where revocation is %s', (revocation) => {
  beforeEach(() => openWith(revocation));

  it('refuses sign-ins as a whole; verify, refresh, revoke, log-out, touch and lists go on', async () => {
    const { sessions } = on;
    const pairs = [];
    for (let n = 0; n < 5; n++) pairs.push(await sessions.create('ann', { data: { a: 1 } }));
    const [a, b, c, d, e] = pairs as [(typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0]];
    const inTenant = await sessions.create('ann', { tenant: 'acme' });
    await server.config('SET', 'maxmemory-policy', 'noeviction');
    await server.config('SET', 'maxmemory', '1');
    expect(await reasonOf(server.set('more', 'x'))).toMatchObject({ message: expect.stringMatching(/^OOM/) as unknown });

    const size = await server.dbsize();
    for (const init of [{}, { requestId: 'once' }, { tenant: 'acme' }, { data: { a: 1 }, device: { name: 'phone' } }]) {
      const { error } = await outcomeOf(sessions.create('ann', init));
      expect(error).toBeInstanceOf(StoreFullError);
      expect(error).toMatchObject({ operation: 'sessions.create', retryAfter: 1 });
    }
    expect(await server.dbsize()).toBe(size);
    expect(await sessions.count('ann')).toBe(5);
    for (const adds of [sessions.update(a.sessionId, { more: 'x' }), sessions.regenerate(a.sessionId)]) {
      expect((await outcomeOf<unknown>(adds)).error).toBeInstanceOf(StoreFullError);
    }
    expect(await server.dbsize()).toBe(size);
    expect(await sessions.get(a.sessionId, { data: true })).toMatchObject({ data: { a: 1 }, version: 0 });

    await sessions.verify(a.accessToken, { data: true });
    await sessions.verify((await sessions.refresh(a.refreshToken)).accessToken);
    expect(await sessions.touch(a.sessionId)).toBe(true);
    await sessions.verify((await sessions.reauthenticated(a.sessionId))!.accessToken);
    expect(await sessions.list('ann')).toHaveLength(5);
    expect(await sessions.revoke(b.sessionId)).toBe(true);
    expect(await sessions.logout(c.accessToken)).toBe(true);
    expect(await sessions.logout(d.refreshToken)).toBe(true);
    expect(await sessions.revokeAll('ann', { except: e.sessionId })).toBe(1);
    expect(await reasonOf(sessions.verify(a.accessToken))).toBe('revoked');
    await sessions.verify(e.accessToken);
    await sessions.revokeTenant('acme');
    expect(await reasonOf(sessions.verify(inTenant.accessToken))).toBe('revoked');
    expect(await withoutTtl(redis)).toEqual([]);

    await server.config('SET', 'maxmemory', '0');
    await sessions.verify((await sessions.create('ann', { tenant: 'acme', data: { a: 1 } })).accessToken);
  });
});

describe('a Redis that is full and has gone back', () => {
  beforeEach(() => openWith('local'));

  it('is told once more that a tenant was revoked, by whoever knows', async () => {
    const { sessions } = on;
    const { accessToken } = await sessions.create('ann', { tenant: 'acme' });
    const [key] = await server.keys('p:t:*');
    const before = (await server.get(key!))!;
    await sessions.revokeTenant('acme');
    const raised = (await server.get(key!))!;
    expect(Number(raised)).toBeGreaterThan(Number(before));
    await server.set(key!, before, 'KEEPTTL');
    await server.config('SET', 'maxmemory-policy', 'noeviction');
    await server.config('SET', 'maxmemory', '1');
    await server.del('p:f:{feed}stream');
    await until(async () => (await server.get(key!)) === raised, { what: 'the epoch is what it was raised to' });
    await using late = await openSessions({ redis: redis.url, keyPrefix: 'p:', sessions: { revocation: 'remote' } });
    expect(await reasonOf(late.sessions.verify(accessToken))).toBe('revoked');
  });
});

describe('eviction by Redis, where it is asked each time,', () => {
  beforeEach(() => openWith('remote'));

  it('of any key ends sessions, and never revives one', async () => {
    const { sessions } = on;
    const lost = await sessions.create('ann');
    await server.del(...(await server.keys('p:u:*')));
    expect(await reasonOf(sessions.verify(lost.accessToken))).toBe('invalid');
    expect(await reasonOf(sessions.refresh(lost.refreshToken))).toBe('invalid');
    expect(await sessions.touch(lost.sessionId)).toBe(false);
    expect(await sessions.count('ann')).toBe(0);

    const ofTenant = await sessions.create('bob', { tenant: 'acme' });
    await server.del(...(await server.keys('p:t:*')));
    expect(await reasonOf(sessions.verify(ofTenant.accessToken))).toBe('revoked');
    expect(await sessions.count('bob', { tenant: 'acme' })).toBe(0);
    const again = await sessions.create('bob', { tenant: 'acme' });
    expect(await reasonOf(sessions.verify(ofTenant.accessToken))).toBe('revoked');
    await sessions.verify(again.accessToken);
    expect(await sessions.list('bob', { tenant: 'acme' })).toHaveLength(1);

    const recordless = await sessions.create('cat');
    await server.del(...(await server.keys(`p:s:{${recordless.sessionId.slice(0, 6)}}*`)));
    expect(await reasonOf(sessions.verify(recordless.accessToken))).toBe('invalid');
    expect(await sessions.revoke(recordless.sessionId)).toBe(false);
    expect(await sessions.list('cat')).toEqual([]);
  });
});

describe('eviction by Redis, where what was revoked is known here,', () => {
  beforeEach(() => openWith('local'));

  it.each([
    ['the feed', 'p:f:*'],
    ['the tombstones', 'p:s:*'],
    ['the users’ indexes', 'p:u:*'],
    ['the tenants’ epochs', 'p:t:*'],
    ['everything', '*'],
  ])('of %s revives nothing, here nor on an instance that begins later', async (_what, keys) => {
    const { sessions } = on;
    const named = await sessions.create('ann');
    await sessions.revoke(named.sessionId);
    const all = await sessions.create('bob');
    await sessions.revokeAll('bob');
    const ofTenant = await sessions.create('cat', { tenant: 'acme' });
    await sessions.revokeTenant('acme');
    await server.del(...(await server.keys(keys)));
    await using late = await openSessions({ redis: redis.url, keyPrefix: 'p:' });
    for (const { accessToken, refreshToken } of [named, all, ofTenant]) {
      expect(await reasonOf(sessions.verify(accessToken))).toBe('revoked');
      expect(['revoked', 'invalid']).toContain(await reasonOf(late.sessions.verify(accessToken)));
      expect(['revoked', 'invalid']).toContain(await reasonOf(late.sessions.refresh(refreshToken)));
    }
  });
});
