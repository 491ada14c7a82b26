import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SessionConflictError, SessionLimitError } from '../../../lib/errors/index.js';
import type { SessionTokens } from '../../../lib/sessions/index.js';
import { EventsHeard, reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';

describe('SessionService', () => {
  let on: SessionsUnderTest;
  beforeAll(async () => {
    on = await openSessions({ redis: inject('redisUrl') });
  });
  afterAll(() => on[Symbol.asyncDispose]());

  describe('create and verify', () => {
    it('J1 a sign-in verifies to its user, id, claims, scopes, issue time and the seconds that are left', async () => {
      const tokens = await on.sessions.create('ann', { claims: { role: 'admin' }, scopes: ['read', 'write'] });
      const session = await on.sessions.verify(tokens.accessToken);
      expect(session).toMatchObject({ userId: 'ann', sessionId: tokens.sessionId, claims: { role: 'admin' }, scopes: ['read', 'write'] });
      expect(session.tenant).toBeUndefined();
      expect(session.ttl).toBeGreaterThan(895);
      expect(session.ttl).toBeLessThanOrEqual(900);
      expect(session.expiresAt.getTime() - session.issuedAt.getTime()).toBe(900_000);
      expect(tokens).toMatchObject({ tokenType: 'Bearer', expiresIn: 900 });
      expect(session.data).toBeUndefined();
    });

    it('J2 private data is not in the token and comes back only when asked for', async () => {
      const data = { cart: ['a', []], big: 1e21, ['__proto__']: { polluted: true }, 'ключ "x"': { deep: [null, 0.1] }, '\ud800': '\udc00' };
      Object.defineProperty(data, '__proto__', { value: { polluted: true }, enumerable: true });
      const { accessToken, sessionId } = await on.sessions.create('ann', { data });
      expect(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()).not.toContain('cart');
      expect((await on.sessions.verify(accessToken)).data).toBeUndefined();
      expect((await on.sessions.verify(accessToken, { data: true })).data).toEqual(data);
      expect((await on.sessions.get(sessionId, { data: true }))?.data).toEqual(data);
      expect((await on.sessions.get(sessionId))?.data).toBeUndefined();
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });
  });

  describe('refresh', () => {
    it('gives a new pair, keeps claims and scopes, and the previous token the same successor', async () => {
      const first = await on.sessions.create('bob', { claims: { role: 'user' }, scopes: ['read'] });
      const second = await on.sessions.refresh(first.refreshToken);
      expect(second.refreshToken).not.toBe(first.refreshToken);
      expect((await on.sessions.refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
      expect(await on.sessions.verify(second.accessToken)).toMatchObject({ claims: { role: 'user' }, scopes: ['read'] });
      const third = await on.sessions.refresh(second.refreshToken, { claims: { role: 'admin' } });
      expect((await on.sessions.verify(third.accessToken)).claims).toEqual({ role: 'admin' });
      const fourth = await on.sessions.refresh(third.refreshToken);
      expect((await on.sessions.verify(fourth.accessToken)).claims).toEqual({ role: 'admin' });
      expect((await on.sessions.get(first.sessionId))?.generation).toBe(4);
    });

    it('takes a generation before the previous one for theft, and ends the session once', async () => {
      const first = await on.sessions.create('bob');
      const second = await on.sessions.refresh(first.refreshToken);
      const third = await on.sessions.refresh(second.refreshToken);
      expect(await reasonOf(on.sessions.refresh(first.refreshToken))).toBe('reused');
      expect(await reasonOf(on.sessions.refresh(third.refreshToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.refresh(first.refreshToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.verify(third.accessToken))).toBe('revoked');
    });
  });

  describe('ends', () => {
    it('J7 revoke ends a session at once; a second revoke is false', async () => {
      const tokens = await on.sessions.create('cat');
      expect(await on.sessions.revoke(tokens.sessionId)).toBe(true);
      expect(await on.sessions.revoke(tokens.sessionId)).toBe(false);
      expect(await reasonOf(on.sessions.verify(tokens.accessToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.refresh(tokens.refreshToken))).toBe('revoked');
      expect(await on.sessions.get(tokens.sessionId)).toBeNull();
      expect(await on.sessions.touch(tokens.sessionId)).toBe(false);
      expect(await on.sessions.update(tokens.sessionId, { a: 1 })).toBeNull();
      expect(await on.sessions.regenerate(tokens.sessionId)).toBeNull();
      expect(await on.sessions.reauthenticated(tokens.sessionId)).toBeNull();
    });

    it('log-out takes the access or the refresh token; its refresh token is then invalid, not stolen', async () => {
      for (const which of ['accessToken', 'refreshToken'] as const) {
        const tokens = await on.sessions.create('cat');
        expect(await on.sessions.logout(tokens[which])).toBe(true);
        expect(await on.sessions.logout(tokens[which])).toBe(false);
        expect(await reasonOf(on.sessions.verify(tokens.accessToken))).toBe('revoked');
        expect(await reasonOf(on.sessions.refresh(tokens.refreshToken))).toBe('invalid');
      }
      expect(await on.sessions.logout('rubbish')).toBe(false);
    });

    it('J8 J10 revokeAll ends all of a user and tells how many; except spares one without a gap', async () => {
      const kept = await on.sessions.create('dan');
      const other = await on.sessions.create('dan');
      const stranger = await on.sessions.create('dana');
      expect(await on.sessions.count('dan')).toBe(2);
      expect(await on.sessions.revokeAll('dan', { except: kept.sessionId })).toBe(1);
      expect(await reasonOf(on.sessions.verify(other.accessToken))).toBe('revoked');
      await on.sessions.verify(kept.accessToken);
      expect(await on.sessions.revokeAll('dan', { except: stranger.sessionId })).toBe(1);
      expect(await on.sessions.count('dan')).toBe(0);
      await on.sessions.verify(stranger.accessToken);
    });

    it('revokeTenant ends every session of the tenant and no other', async () => {
      const inside = await on.sessions.create('eve', { tenant: 'acme' });
      const outside = await on.sessions.create('eve');
      await on.sessions.revokeTenant('acme');
      expect(await reasonOf(on.sessions.verify(inside.accessToken))).toBe('revoked');
      expect(await on.sessions.list('eve', { tenant: 'acme' })).toEqual([]);
      expect(await on.sessions.count('eve', { tenant: 'acme' })).toBe(0);
      expect(await on.sessions.get(inside.sessionId)).toBeNull();
      expect(await on.sessions.revoke(inside.sessionId)).toBe(false);
      await on.sessions.verify(outside.accessToken);
      const again = await on.sessions.create('eve', { tenant: 'acme' });
      expect(await on.sessions.verify(again.accessToken)).toMatchObject({ userId: 'eve', tenant: 'acme' });
      expect(await reasonOf(on.sessions.refresh(inside.refreshToken))).toBe('revoked');
      expect(await on.sessions.list('eve', { tenant: 'acme' })).toHaveLength(1);
    });

    it.each(['local', 'remote'] as const)(
      'after revokeTenant nothing is refused for another reason, where revocation is %s',
      async (revocation) => {
        await using one = await openSessions({ redis: inject('redisUrl'), sessions: { revocation, maxDataBytes: 50 } });
        const { sessions } = one;
        const tenant = '\u0001'.repeat(256);
        const { sessionId, refreshToken } = await sessions.create(tenant, {
          tenant,
          scopes: ['x'.repeat(1000)],
          data: { a: 'x'.repeat(30) },
        });
        const [stale, data, claims] = [{ ifVersion: 7 }, { b: 'x'.repeat(30) }, { a: 'x'.repeat(4000) }];
        await expect(sessions.update(sessionId, {}, stale)).rejects.toBeInstanceOf(SessionConflictError);
        await expect(sessions.update(sessionId, data)).rejects.toMatchObject({ argument: 'data' });
        await expect(sessions.refresh(refreshToken, { claims })).rejects.toMatchObject({ argument: 'opts.claims' });
        await sessions.revokeTenant(tenant);
        expect(await sessions.update(sessionId, {}, stale)).toBeNull();
        expect(await sessions.update(sessionId, data)).toBeNull();
        expect(await reasonOf(sessions.refresh(refreshToken, { claims }))).toBe('revoked');
      },
    );

    it.each<[what: string, call: (newest: SessionTokens, oldest: SessionTokens) => Promise<unknown>, answer: unknown]>([
      ['refresh', ({ refreshToken }) => reasonOf(on.sessions.refresh(refreshToken)), 'revoked'],
      ['refresh of a used token', (_, { refreshToken }) => reasonOf(on.sessions.refresh(refreshToken)), 'revoked'],
      ['regenerate', ({ sessionId }) => on.sessions.regenerate(sessionId), null],
      ['reauthenticated', ({ sessionId }) => on.sessions.reauthenticated(sessionId), null],
    ])('after revokeTenant %s ends the session for that, and nothing else is told', async (_, call, answer) => {
      using events = await EventsHeard.of(on.sessions);
      const oldest = await on.sessions.create('eva', { tenant: 'acme' });
      const newest = await on.sessions.refresh((await on.sessions.refresh(oldest.refreshToken)).refreshToken);
      await on.sessions.revokeTenant('acme');
      for (let n = 0; n < 2; n++) expect(await call(newest, oldest)).toBe(answer);
      expect(await reasonOf(on.sessions.refresh(newest.refreshToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.verify(newest.accessToken))).toBe('revoked');
      const told = (await events.untilNow()).map(({ type, reason }) => [type, reason].filter(Boolean).join(': '));
      expect(told).toEqual(['created', 'refreshed', 'refreshed', 'revoked: tenant revoked']);
    });
  });

  describe('limit', () => {
    it('J5 with limit 1 a second sign-in ends the first', async () => {
      await using one = await openSessions({ redis: inject('redisUrl'), sessions: { limit: 1 } });
      const first = await one.sessions.create('fay');
      const second = await one.sessions.create('fay');
      expect(await reasonOf(one.sessions.verify(first.accessToken))).toBe('evicted');
      expect(await reasonOf(one.sessions.refresh(first.refreshToken))).toBe('evicted');
      await one.sessions.verify(second.accessToken);
    });

    it('reject refuses the sign-in, evict-idle ends the longest unused', async () => {
      await using strict = await openSessions({ redis: inject('redisUrl'), sessions: { limit: { max: 1, onExceeded: 'reject' } } });
      const only = await strict.sessions.create('gus');
      await expect(strict.sessions.create('gus')).rejects.toBeInstanceOf(SessionLimitError);
      await strict.sessions.verify(only.accessToken);

      await using idle = await openSessions({ redis: inject('redisUrl'), sessions: { limit: { max: 2, onExceeded: 'evict-idle' } } });
      const a = await idle.sessions.create('gus');
      const b = await idle.sessions.create('gus');
      await idle.sessions.refresh(a.refreshToken);
      await idle.sessions.create('gus');
      await idle.sessions.verify(a.accessToken);
      expect(await reasonOf(idle.sessions.verify(b.accessToken))).toBe('evicted');
    });
  });

  describe('change', () => {
    it('update merges: null deletes, undefined is ignored, ifVersion guards', async () => {
      const { sessionId } = await on.sessions.create('hal', { data: { a: 1, b: 2, c: 3 } });
      expect(await on.sessions.update(sessionId, { a: null, b: undefined, d: [] })).toMatchObject({
        version: 1,
        data: { b: 2, c: 3, d: [] },
      });
      await expect(on.sessions.update(sessionId, { a: 1 }, { ifVersion: 0 })).rejects.toBeInstanceOf(SessionConflictError);
      expect(await on.sessions.update(sessionId, { a: 1 }, { ifVersion: 1 })).toMatchObject({ version: 2 });
    });

    it('regenerate gives a new id and ends the old one', async () => {
      const before = await on.sessions.create('ivy', { data: { a: 1 }, scopes: ['read'], device: { name: 'phone' } });
      const was = await on.sessions.get(before.sessionId, { data: true });
      const after = (await on.sessions.regenerate(before.sessionId))!;
      expect(after.sessionId).not.toBe(before.sessionId);
      expect(await on.sessions.get(after.sessionId, { data: true })).toMatchObject({
        createdAt: was!.createdAt,
        absoluteExpiresAt: was!.absoluteExpiresAt,
        data: { a: 1 },
        scopes: ['read'],
        device: { name: 'phone' },
        generation: 1,
      });
      expect(await reasonOf(on.sessions.verify(before.accessToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.refresh(before.refreshToken))).toBe('invalid');
      await on.sessions.verify((await on.sessions.refresh(after.refreshToken)).accessToken);
      expect(await on.sessions.count('ivy')).toBe(1);
    });

    it('reauthenticated keeps the id, moves authTime and starts a new chain', async () => {
      const before = await on.sessions.create('joe');
      const after = (await on.sessions.reauthenticated(before.sessionId))!;
      expect(after.sessionId).toBe(before.sessionId);
      await on.sessions.verify(before.accessToken);
      expect(await reasonOf(on.sessions.refresh(before.refreshToken))).toBe('invalid');
      await on.sessions.refresh(after.refreshToken);
    });

    it('a requestId gets the first answer again', async () => {
      const one = await on.sessions.create('kim', { requestId: 'r-1' });
      const again = await on.sessions.create('kim', { requestId: 'r-1' });
      expect([again.sessionId, again.refreshToken]).toEqual([one.sessionId, one.refreshToken]);
      expect(await on.sessions.count('kim')).toBe(1);
      expect((await on.sessions.create('kim', { requestId: 'r-2' })).sessionId).not.toBe(one.sessionId);
      expect((await on.sessions.create('kit', { requestId: 'r-1' })).sessionId).not.toBe(one.sessionId);
    });
  });

  it('J9 list shows the sessions of a user by device, with data on request', async () => {
    await on.sessions.create('lea', { device: { name: 'laptop', ip: '10.0.0.1', userAgent: 'Firefox' }, data: { a: 1 } });
    await on.sessions.create('lea', { device: { name: 'phone' } });
    const list = await on.sessions.list('lea');
    expect(list.map(({ device }) => device?.name)).toEqual(['laptop', 'phone']);
    expect(list[0]).not.toHaveProperty('data');
    expect((await on.sessions.list('lea', { data: true }))[0]).toMatchObject({ data: { a: 1 }, userId: 'lea' });
    expect(await on.sessions.list('nobody')).toEqual([]);
  });
});
