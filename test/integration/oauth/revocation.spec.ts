import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { OAuthRequestError, StoreUnavailableError } from '../../../lib/errors/index.js';
import { TokenRevocation } from '../../../lib/oauth/index.js';
import { startRedis } from '../../../lib/testing/index.js';
import { commandsDuring } from '../../support/commands.js';
import { FOREIGN_TEXTS, type OAuthServices, openOAuthServices } from '../../support/oauth-services.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { resign } from '../../support/resign.js';
import { EventsHeard, reasonOf } from '../../support/session-outcomes.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

const SERVED = ['api-key', { type: 'machine', app: 'billing' }] as const;

let on: OAuthServices;
beforeAll(async () => {
  captureLog();
  on = await openOAuthServices({ redis: inject('redisUrl') }, SERVED);
});
afterAll(() => on[Symbol.asyncDispose]());

const revoke = (token: string, more: { tokenTypeHint?: string; clientId?: string } = {}) => on.revocation.revoke({ token, ...more });

describe('T12 revoking', () => {
  it.each([undefined, 'acme'])('a refresh token ends its session and with it every access token (tenant: %s)', async (tenant) => {
    const of = tenant === undefined ? {} : { tenant };
    const first = await on.sessions.create('ann', of);
    const second = await on.sessions.refresh(first.refreshToken);
    const other = await on.sessions.create('ann', of);
    expect(await revoke(second.refreshToken)).toBe(true);
    for (const { accessToken, refreshToken } of [first, second]) {
      expect(await reasonOf(on.sessions.verify(accessToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.refresh(refreshToken))).toBe('revoked');
    }
    expect(await on.sessions.verify(other.accessToken)).toMatchObject({ userId: 'ann' });
    expect(await revoke(second.refreshToken)).toBe(false);
  });

  it('an access token ends its session, and its refresh token', async () => {
    const { accessToken, refreshToken } = await on.sessions.create('bob');
    expect(await revoke(accessToken)).toBe(true);
    expect(await reasonOf(on.sessions.verify(accessToken))).toBe('revoked');
    expect(await reasonOf(on.sessions.refresh(refreshToken))).toBe('revoked');
    expect(await revoke(accessToken)).toBe(false);
    expect(await revoke(refreshToken)).toBe(false);
  });

  it('a refresh token that was rotated still ends its session, and is no reuse', async () => {
    using heard = await EventsHeard.of(on.sessions);
    const first = await on.sessions.create('cy');
    const second = await on.sessions.refresh(first.refreshToken);
    const third = await on.sessions.refresh(second.refreshToken);
    expect(await revoke(first.refreshToken)).toBe(true);
    expect(await reasonOf(on.sessions.verify(third.accessToken))).toBe('revoked');
    const events = (await heard.untilNow()).filter(({ sessionId }) => sessionId === first.sessionId);
    expect(events.map(({ type }) => type)).not.toContain('reuse-detected');
    expect(events.at(-1)).toMatchObject({ type: 'revoked', reason: 'token revoked' });
  });

  it('an opaque token ends that token alone', async () => {
    const [one, other] = [
      await on.tokens.create({ type: 'api-key', owner: 'dan' }),
      await on.tokens.create({ type: 'api-key', owner: 'dan' }),
    ];
    const { accessToken } = await on.sessions.create('dan');
    expect(await revoke(one.token)).toBe(true);
    expect(await on.tokens.get({ type: 'api-key', token: one.token })).toBeNull();
    expect(await on.tokens.get({ type: 'api-key', token: other.token })).toMatchObject({ owner: 'dan' });
    expect(await on.sessions.verify(accessToken)).toMatchObject({ userId: 'dan' });
    expect(await revoke(one.token)).toBe(false);
  });

  it('an opaque token of the application\u2019s making ends it in every type that is served, and in no other', async () => {
    const token = 'made-by-hand.1.2';
    await on.tokens.create({ type: 'api-key', owner: 'eve', token });
    await on.tokens.create({ type: 'machine', app: 'billing', owner: 'eve', token });
    await on.tokens.create({ type: 'password-reset', owner: 'eve', token });
    expect(await revoke(token)).toBe(true);
    expect(await on.tokens.get({ type: 'api-key', token })).toBeNull();
    expect(await on.tokens.get({ type: 'machine', app: 'billing', token })).toBeNull();
    expect(await on.tokens.get({ type: 'password-reset', token })).not.toBeNull();
  });

  it.each(['access_token', 'refresh_token', 'nonsense', ''])('finds the token whatever the hint: %s', async (tokenTypeHint) => {
    const [one, other] = [await on.sessions.create('fay'), await on.sessions.create('fay')];
    const { token: opaque } = await on.tokens.create({ type: 'api-key', owner: 'fay' });
    for (const token of [one.accessToken, other.refreshToken, opaque]) expect(await revoke(token, { tokenTypeHint })).toBe(true);
    expect(await on.sessions.count('fay')).toBe(0);
    expect(await on.tokens.count({ type: 'api-key', owner: 'fay' })).toBe(0);
  });

  it('takes effect once, of 32 at once', async () => {
    const { accessToken, refreshToken } = await on.sessions.create('gus');
    const answers = await Promise.all(Array.from({ length: 32 }, (_, n) => revoke(n % 2 === 0 ? accessToken : refreshToken)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    const { token } = await on.tokens.create({ type: 'api-key', owner: 'gus' });
    const opaque = await Promise.all(Array.from({ length: 32 }, () => revoke(token)));
    expect(opaque.filter(Boolean)).toHaveLength(1);
  });
});

describe('T12 nothing happens, and it is no error, for', () => {
  it.each(Object.entries(FOREIGN_TEXTS))('%s', async (_what, token) => {
    expect(await revoke(token)).toBe(false);
  });

  it('an access token that has expired, is changed, or of another issuer: its session goes on', async () => {
    const { accessToken } = await on.sessions.create('hal');
    const past = Math.floor(Date.now() / 1000) - 60;
    for (const changes of [{ exp: past }, { iss: 'https://else.test' }, { aud: 'else' }, { ns: 'x'.repeat(16) }, { sub: 'ann' }]) {
      expect(await revoke(resign(accessToken, changes))).toBe(false);
    }
    const [header, payload, signature] = accessToken.split('.') as [string, string, string];
    const other = signature.startsWith('A') ? 'B' : 'A';
    expect(await revoke(`${header}.${payload}.${other}${signature.slice(1)}`)).toBe(false);
    expect(await on.sessions.verify(accessToken)).toMatchObject({ userId: 'hal' });
  });

  it('ids, which are public', async () => {
    const { sessionId } = await on.sessions.create('ida');
    const { id } = await on.tokens.create({ type: 'api-key', owner: 'ida' });
    expect(await revoke(sessionId)).toBe(false);
    expect(await revoke(id)).toBe(false);
    expect(await on.sessions.count('ida')).toBe(1);
    expect(await on.tokens.count({ type: 'api-key', owner: 'ida' })).toBe(1);
  });

  it('tokens that were revoked, logged out, deleted or used before', async () => {
    const { accessToken, refreshToken } = await on.sessions.create('joe');
    await on.sessions.logout(refreshToken);
    const { token } = await on.tokens.create({ type: 'api-key', owner: 'joe' });
    await on.tokens.consume({ type: 'api-key', token });
    for (const ended of [accessToken, refreshToken, token]) expect(await revoke(ended)).toBe(false);
  });

  it('tokens of another prefix, another key, or a type that is not served', async () => {
    await using elsewhere = await openOAuthServices({ redis: inject('redisUrl') }, SERVED);
    await using otherKey = await openOAuthServices(
      { redis: inject('redisUrl'), keyPrefix: on.keyPrefix, jwt: { secret: 'another-secret-for-tests-8Yd2LqVxPw' } },
      [],
    );
    const { accessToken, refreshToken } = await on.sessions.create('kim');
    const { token } = await on.tokens.create({ type: 'api-key', owner: 'kim' });
    for (const mine of [accessToken, refreshToken, token]) {
      expect(await elsewhere.revocation.revoke({ token: mine })).toBe(false);
      expect(await otherKey.revocation.revoke({ token: mine })).toBe(false);
    }
    const { token: reset } = await on.tokens.create({ type: 'password-reset', owner: 'kim' });
    expect(await revoke(reset)).toBe(false);
    expect(await on.sessions.verify(accessToken)).toMatchObject({ userId: 'kim' });
    expect(await on.tokens.get({ type: 'api-key', token })).not.toBeNull();
    expect(await on.tokens.get({ type: 'password-reset', token: reset })).not.toBeNull();
  });
});

describe('revocation is refused', () => {
  it('T12 for an opaque token of another client, which goes on; not for its own, nor for one of no client', async () => {
    const make = (data: object) => on.tokens.create({ type: 'api-key', owner: 'lee', data });
    const [webs, noClients, odd] = [await make({ client_id: 'web' }), await make({}), await make({ client_id: 7 })];
    for (const clientId of ['we', 'webs', 'WEB', '']) {
      await expect(revoke(webs.token, { clientId })).rejects.toThrow(OAuthRequestError);
      await expect(revoke(webs.token, { clientId })).rejects.toMatchObject({
        error: 'invalid_grant',
        code: 'ERR_REDIS_AUTH_OAUTH_REQUEST',
      });
    }
    expect(await on.tokens.get({ type: 'api-key', token: webs.token })).not.toBeNull();
    expect(await revoke(webs.token, { clientId: 'web' })).toBe(true);
    expect(await revoke(noClients.token, { clientId: 'web' })).toBe(true);
    expect(await revoke(odd.token, { clientId: 'web' })).toBe(true);
    // gone: it is nobody's any more
    expect(await revoke(webs.token, { clientId: 'we' })).toBe(false);
  });

  it('T12 and nothing ends, where one of several tokens of the same text is of another client', async () => {
    const token = 'of-two-clients';
    await on.tokens.create({ type: 'api-key', owner: 'mia', token, data: { client_id: 'web' } });
    await on.tokens.create({ type: 'machine', app: 'billing', owner: 'mia', token, data: { client_id: 'cli' } });
    await expect(revoke(token, { clientId: 'web' })).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await on.tokens.get({ type: 'api-key', token })).not.toBeNull();
  });

  it('T12 for access tokens where nothing would stop their use (revocation: off); refresh tokens end the session', async () => {
    await using off = await openOAuthServices({ redis: inject('redisUrl'), sessions: { revocation: 'off' } });
    const { accessToken, refreshToken, sessionId } = await off.sessions.create('ned');
    await expect(off.revocation.revoke({ token: accessToken })).rejects.toMatchObject({ error: 'unsupported_token_type' });
    expect(await off.sessions.get(sessionId)).not.toBeNull();
    expect(await off.revocation.revoke({ token: resign(accessToken, { exp: 1 }) })).toBe(false);
    expect(await off.revocation.revoke({ token: refreshToken })).toBe(true);
    expect(await off.sessions.get(sessionId)).toBeNull();
  });

  it('while Redis is down: an error, never done; and it is done when it is repeated', async () => {
    await using proxy = await FaultProxy.open(inject('redisUrl'));
    await using here = await openOAuthServices({ redis: proxy.url }, SERVED);
    const [one, other] = [await here.sessions.create('oda'), await here.sessions.create('oda')];
    const { token } = await here.tokens.create({ type: 'api-key', owner: 'oda' });
    await proxy.refuse();
    for (const presented of [one.accessToken, other.refreshToken, token]) {
      await expect(here.revocation.revoke({ token: presented })).rejects.toThrow(StoreUnavailableError);
    }
    await proxy.heal();
    for (const presented of [one.accessToken, other.refreshToken, token]) {
      expect(await until(() => here.revocation.revoke({ token: presented }))).toBe(true);
    }
  });
});

describe('revocation', () => {
  it('costs two commands for a session\u2019s access token, three for a refresh token, one more for a tenant; a look in each type and a deletion else; none for what is forged', async () => {
    await using redis = await startRedis();
    await using here = await openOAuthServices({ redis: redis.url }, SERVED);
    const withoutTypes = new TokenRevocation(here.sessions, here.tokens);
    const costs = async (token: string, by = here.revocation): Promise<number> =>
      (await commandsDuring(redis, () => by.revoke({ token }))).total;
    const warm = await here.sessions.create('pam');
    await here.revocation.revoke({ token: warm.accessToken });
    await here.revocation.revoke({ token: (await here.tokens.create({ type: 'api-key', owner: 'pam' })).token });
    await here.sessions.count('pam', { tenant: 'acme' });

    expect(await costs((await here.sessions.create('pam')).accessToken)).toBe(2);
    expect(await costs((await here.sessions.create('pam')).refreshToken)).toBe(3);
    expect(await costs((await here.sessions.create('pam', { tenant: 'acme' })).accessToken)).toBe(3);
    expect(await costs((await here.tokens.create({ type: 'api-key', owner: 'pam' })).token)).toBe(3);
    expect(await costs('A'.repeat(49))).toBe(2);
    for (const token of Object.values(FOREIGN_TEXTS)) expect(await costs(token, withoutTypes)).toBe(0);
    expect(await withoutTtl(redis)).toEqual([]);
  });
});
