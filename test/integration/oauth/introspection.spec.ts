import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InvalidArgumentError, StoreUnavailableError } from '../../../lib/errors/index.js';
import { TokenIntrospection } from '../../../lib/oauth/index.js';
import { startRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { FOREIGN_TEXTS, type OAuthServices, openOAuthServices } from '../../support/oauth-services.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { resign } from '../../support/resign.js';
import { until } from '../../support/until.js';

const SERVED = ['api-key', { type: 'machine', app: 'billing' }] as const;
const INACTIVE = { active: false };
const ISSUER = 'https://issuer.test';

let on: OAuthServices;
beforeAll(async () => {
  captureLog();
  on = await openOAuthServices({ redis: inject('redisUrl'), sessions: { limit: 3 } }, SERVED);
});
afterAll(() => on[Symbol.asyncDispose]());

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);
const asked = (token: string): Promise<unknown> => on.introspection.introspect({ token });

describe('T13 introspection tells of a token in force', () => {
  it('what an access token says, and never its claims of other names or the session\u2019s data', async () => {
    const { accessToken, sessionId, accessTokenExpiresAt } = await on.sessions.create('ann', {
      tenant: 'acme',
      scopes: ['read', 'write'],
      claims: { role: 'admin', username: 'Ann', active: false, token_type: 'mac' },
      data: { cart: [1] },
    });
    const { issuedAt, authTime } = await on.sessions.verify(accessToken);
    expect(await asked(accessToken)).toEqual({
      active: true,
      token_type: 'Bearer',
      scope: 'read write',
      sub: 'ann',
      iss: ISSUER,
      aud: 'api',
      exp: seconds(accessTokenExpiresAt),
      iat: seconds(issuedAt),
      auth_time: seconds(authTime),
      jti: expect.stringMatching(/^[\w-]{22}(\.[0-9a-z]+){3}\.[\w-]{10}$/) as unknown,
      sid: sessionId,
      tenant: 'acme',
      username: 'Ann',
    });
  });

  it('no scope, tenant or username where there is none, nor one that is no text', async () => {
    const { accessToken, refreshToken } = await on.sessions.create('bob', { claims: { username: { first: 'Bob' } } });
    for (const token of [accessToken, refreshToken]) {
      const answer = await asked(token);
      for (const name of ['scope', 'tenant', 'username', 'client_id', 'nbf']) expect(answer).not.toHaveProperty(name);
    }
  });

  it.each([undefined, 'acme'])('a refresh token, meant for the issuer alone and no bearer token (tenant: %s)', async (tenant) => {
    const of = tenant === undefined ? {} : { tenant };
    const { refreshToken, refreshTokenExpiresAt, sessionId } = await on.sessions.create('cy', {
      ...of,
      scopes: ['read', 'write'],
      data: { a: 1 },
    });
    expect(await asked(refreshToken)).toEqual({
      active: true,
      scope: 'read write',
      sub: 'cy',
      iss: ISSUER,
      aud: ISSUER,
      exp: seconds(refreshTokenExpiresAt),
      sid: sessionId,
      ...of,
    });
  });

  it('a refresh token is neither rotated nor used by it', async () => {
    const { refreshToken, sessionId } = await on.sessions.create('dan');
    const before = await on.sessions.get(sessionId);
    for (let n = 0; n < 5; n++) expect(await asked(refreshToken)).toMatchObject({ active: true });
    expect(await on.sessions.get(sessionId)).toEqual(before);
    const second = await on.sessions.refresh(refreshToken);
    expect((await on.sessions.get(sessionId))!.generation).toBe(2);
    expect(await asked(second.refreshToken)).toMatchObject({ active: true });
    // the one before it is not used by being asked about: it may still be repeated
    expect(await asked(refreshToken)).toEqual(INACTIVE);
    expect((await on.sessions.refresh(refreshToken)).refreshToken).toBe(second.refreshToken);
  });

  it('a refresh token whose rotation a failover lost is the newest there is', async () => {
    const { refreshToken, sessionId } = await on.sessions.create('eve');
    const second = await on.sessions.refresh(refreshToken);
    const key = `${on.keyPrefix}s:{${sessionId.slice(0, 6)}}${sessionId.slice(6)}`;
    await ask(inject('redisUrl'), (client) => client.hset(key, 'g', '1'));
    expect(await asked(second.refreshToken)).toMatchObject({ active: true });
  });

  it('an opaque token: whose, since and until when, its client and scope, and nothing else of its data', async () => {
    const stored = await on.tokens.create({
      type: 'api-key',
      owner: 'ann',
      data: { scope: 'read', client_id: 'web', secret: 's3cret', username: 'x', aud: 'y' },
      ttl: '1h',
    });
    expect(await asked(stored.token)).toEqual({
      active: true,
      token_type: 'Bearer',
      scope: 'read',
      client_id: 'web',
      sub: 'ann',
      iss: ISSUER,
      jti: stored.id,
      iat: seconds(stored.createdAt),
      exp: seconds(stored.expiresAt!),
    });
  });

  it('opaque tokens of another app, for ever, of the application\u2019s making, with data of other kinds', async () => {
    const machine = await on.tokens.create({
      type: 'machine',
      app: 'billing',
      owner: 'm1',
      ttl: 'never',
      data: { scope: ['a'], client_id: 7 },
    });
    const answer = await asked(machine.token);
    expect(answer).toMatchObject({ active: true, sub: 'm1' });
    for (const name of ['exp', 'scope', 'client_id']) expect(answer).not.toHaveProperty(name);
    const custom = await on.tokens.create({ type: 'api-key', owner: 'c1', token: 'a.b.c' });
    expect(await asked('a.b.c')).toMatchObject({ active: true, sub: 'c1', jti: custom.id });
    await on.tokens.delete({ type: 'machine', app: 'billing', id: machine.id });
  });

  it.each(['access_token', 'refresh_token', 'api-key', 'nonsense', ''])('whatever the hint: %s', async (tokenTypeHint) => {
    const { accessToken, refreshToken } = await on.sessions.create('fay');
    const { token: opaque } = await on.tokens.create({ type: 'api-key', owner: 'fay' });
    for (const token of [accessToken, refreshToken, opaque]) {
      expect(await on.introspection.introspect({ token, tokenTypeHint })).toMatchObject({ active: true, sub: 'fay' });
    }
  });

  it('to a resource server only what is meant for it', async () => {
    const { accessToken, refreshToken } = await on.sessions.create('gus');
    const { token: opaque } = await on.tokens.create({ type: 'api-key', owner: 'gus' });
    const told = (token: string, audience: string) => on.introspection.introspect({ token, audience });
    expect(await told(accessToken, 'api')).toMatchObject({ active: true });
    expect(await told(accessToken, 'ap')).toEqual(INACTIVE);
    expect(await told(refreshToken, 'api')).toEqual(INACTIVE);
    expect(await told(refreshToken, ISSUER)).toMatchObject({ active: true });
    expect(await told(opaque, 'api')).toMatchObject({ active: true });
    await using several = await openOAuthServices({ redis: inject('redisUrl'), jwt: { audience: ['api', 'files'] } });
    const { accessToken: token } = await several.sessions.create('gus');
    expect(await several.introspection.introspect({ token, audience: 'files' })).toMatchObject({ active: true, aud: ['api', 'files'] });
    expect(await several.introspection.introspect({ token, audience: 'mail' })).toEqual(INACTIVE);
  });

  it('to a client that asks for itself its own opaque tokens, and those of no client', async () => {
    const { token: own } = await on.tokens.create({ type: 'api-key', owner: 'hal', data: { client_id: 'web' } });
    const { token: noClients } = await on.tokens.create({ type: 'api-key', owner: 'hal' });
    const told = (token: string, clientId: string) => on.introspection.introspect({ token, clientId });
    expect(await told(own, 'web')).toMatchObject({ active: true, client_id: 'web' });
    expect(await told(own, 'we')).toEqual(INACTIVE);
    expect(await told(noClients, 'we')).toMatchObject({ active: true });
  });
});

describe('T13 introspection says exactly { active: false } of', () => {
  it.each(Object.entries(FOREIGN_TEXTS))('%s', async (_what, token) => {
    expect(await asked(token)).toEqual(INACTIVE);
  });

  const claims: Record<string, Record<string, unknown>> = {
    expired: { exp: Math.floor(Date.now() / 1000) - 60 },
    'of another issuer': { iss: 'https://else.test' },
    'for another audience': { aud: 'else' },
    'not yet valid': { nbf: Math.floor(Date.now() / 1000) + 600 },
    'of another prefix': { ns: 'x'.repeat(16) },
    'of another user': { sub: 'ann' },
    'without jti': { jti: undefined },
  };
  it.each(Object.entries(claims))('an access token that is %s', async (_what, changes) => {
    const { accessToken } = await on.sessions.create('ida');
    expect(await asked(resign(accessToken, {}))).toMatchObject({ active: true });
    expect(await asked(resign(accessToken, changes))).toEqual(INACTIVE);
  });

  it.each([
    ['typ', 'JWT'],
    ['alg', 'none'],
    ['crit', ['exp']],
  ])('a token with another header: %s %s', async (name, value) => {
    const { accessToken } = await on.sessions.create('ida');
    expect(await asked(resign(accessToken, {}, { [name]: value }))).toEqual(INACTIVE);
  });

  const ends: Record<string, (of: { sessionId: string; refreshToken: string }) => Promise<unknown>> = {
    revoked: ({ sessionId }) => on.sessions.revoke(sessionId),
    'logged out': ({ refreshToken }) => on.sessions.logout(refreshToken),
    evicted: async () => {
      for (let n = 0; n < 3; n++) await on.sessions.create('joe', { tenant: 'acme' });
    },
    'ended with all of its user': () => on.sessions.revokeAll('joe', { tenant: 'acme' }),
    'ended with its tenant': () => on.sessions.revokeTenant('acme'),
    regenerated: ({ sessionId }) => on.sessions.regenerate(sessionId),
    'reused, and so ended': async ({ refreshToken }) => {
      const second = await on.sessions.refresh(refreshToken);
      await on.sessions.refresh(second.refreshToken);
      await expect(on.sessions.refresh(refreshToken)).rejects.toMatchObject({ reason: 'reused' });
    },
    'lost from its user\u2019s index': ({ sessionId }) =>
      ask(inject('redisUrl'), (client) => client.del(`${on.keyPrefix}u:{${sessionId.slice(0, 6)}}acme:joe`)),
    gone: ({ sessionId }) =>
      ask(inject('redisUrl'), (client) => client.del(`${on.keyPrefix}s:{${sessionId.slice(0, 6)}}${sessionId.slice(6)}`)),
  };
  it.each(Object.entries(ends))('both tokens of a session that was %s', async (_how, end) => {
    const tokens = await on.sessions.create('joe', { tenant: 'acme' });
    expect(await asked(tokens.accessToken)).toMatchObject({ active: true });
    expect(await asked(tokens.refreshToken)).toMatchObject({ active: true });
    await end(tokens);
    expect(await asked(tokens.accessToken)).toEqual(INACTIVE);
    expect(await asked(tokens.refreshToken)).toEqual(INACTIVE);
  });

  it('the refresh token of the chain before a reauthentication, and tokens of an expired session', async () => {
    const { refreshToken, sessionId } = await on.sessions.create('kim');
    await on.sessions.reauthenticated(sessionId);
    expect(await asked(refreshToken)).toEqual(INACTIVE);
    const short = await on.sessions.create('kim', { idleTimeout: '300 ms' });
    await until(async () => !(await on.introspection.introspect({ token: short.refreshToken })).active);
    expect(await asked(short.accessToken)).toEqual(INACTIVE);
  });

  it('opaque tokens that are deleted, used, expired, or of a type or app that is not served', async () => {
    const make = (changes: object = {}) => on.tokens.create({ type: 'api-key', owner: 'lee', ...changes });
    const [deleted, used, cleared, expired] = [await make(), await make(), await make({ owner: 'lou' }), await make({ ttl: '200 ms' })];
    await on.tokens.delete({ type: 'api-key', token: deleted.token });
    await on.tokens.consume({ type: 'api-key', token: used.token });
    await on.tokens.deleteAll({ type: 'api-key', owner: 'lou' });
    for (const { token } of [deleted, used, cleared]) expect(await asked(token)).toEqual(INACTIVE);
    await until(async () => !(await on.introspection.introspect({ token: expired.token })).active);
    for (const other of [{ type: 'api-keys' }, { type: 'machine' }, { app: 'billing' }, { type: 'password-reset' }]) {
      const { token } = await make(other);
      expect(await asked(token)).toEqual(INACTIVE);
    }
    const { id } = await make();
    expect(await asked(id)).toEqual(INACTIVE);
  });

  it('every token of a registration with another prefix or key', async () => {
    await using elsewhere = await openOAuthServices({ redis: inject('redisUrl') }, SERVED);
    await using otherKey = await openOAuthServices(
      { redis: inject('redisUrl'), keyPrefix: on.keyPrefix, jwt: { secret: 'another-secret-for-tests-8Yd2LqVxPw' } },
      SERVED,
    );
    const { token: opaque } = await on.tokens.create({ type: 'api-key', owner: 'mia' });
    const { accessToken, refreshToken } = await on.sessions.create('mia');
    for (const token of [accessToken, refreshToken, opaque]) expect(await elsewhere.introspection.introspect({ token })).toEqual(INACTIVE);
    for (const token of [accessToken, refreshToken]) expect(await otherKey.introspection.introspect({ token })).toEqual(INACTIVE);
  });
});

describe('introspection', () => {
  it('asks Redis although sessions trust signatures (revocation: off)', async () => {
    await using off = await openOAuthServices({ redis: inject('redisUrl'), sessions: { revocation: 'off' } });
    const { accessToken, sessionId } = await off.sessions.create('ned');
    expect(await off.introspection.introspect({ token: accessToken })).toMatchObject({ active: true });
    await off.sessions.revoke(sessionId);
    expect(await off.sessions.verify(accessToken)).toMatchObject({ userId: 'ned' });
    expect(await off.introspection.introspect({ token: accessToken })).toEqual(INACTIVE);
  });

  it('costs one command, one more for a tenant, one for each type of opaque tokens, and none for what is forged', async () => {
    await using redis = await startRedis();
    await using here = await openOAuthServices({ redis: redis.url }, SERVED);
    const withoutTypes = new TokenIntrospection(here.sessions, here.tokens);
    const plain = await here.sessions.create('oda');
    const tenant = await here.sessions.create('oda', { tenant: 'acme' });
    const { token: opaque } = await here.tokens.create({ type: 'api-key', owner: 'oda' });
    const costs = async (token: string, by = here.introspection): Promise<number> => {
      await by.introspect({ token });
      return (await commandsDuring(redis, () => by.introspect({ token }))).total;
    };
    expect(await costs(plain.accessToken)).toBe(1);
    expect(await costs(plain.refreshToken)).toBe(1);
    expect(await costs(tenant.accessToken)).toBe(2);
    expect(await costs(tenant.refreshToken)).toBe(2);
    expect(await costs(opaque)).toBe(2);
    expect(await costs('x'.repeat(9_000))).toBe(0);
    for (const token of Object.values(FOREIGN_TEXTS)) expect(await costs(token, withoutTypes)).toBe(0);
  });

  it.each([undefined, null, 42, '', {}, ['x']])('refuses %j for a token before any command', async (token) => {
    await expect(on.introspection.introspect({ token: token as string })).rejects.toThrow(InvalidArgumentError);
    await expect(on.revocation.revoke({ token: token as string })).rejects.toThrow(InvalidArgumentError);
  });

  it('is an error while Redis is down, never an answer', async () => {
    await using proxy = await FaultProxy.open(inject('redisUrl'));
    await using here = await openOAuthServices({ redis: proxy.url }, SERVED);
    const { accessToken, refreshToken } = await here.sessions.create('pam');
    const { token: opaque } = await here.tokens.create({ type: 'api-key', owner: 'pam' });
    await proxy.refuse();
    for (const token of [accessToken, refreshToken, opaque, 'unknown']) {
      await expect(here.introspection.introspect({ token })).rejects.toThrow(StoreUnavailableError);
    }
    expect(await new TokenIntrospection(here.sessions, here.tokens).introspect({ token: 'unknown' })).toEqual(INACTIVE);
  });
});
