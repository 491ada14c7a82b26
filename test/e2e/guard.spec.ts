import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../lib/testing/index.js';
import { resign } from '../support/resign.js';
import { testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { type Answer, guardedApp, GuardedController, PLATFORMS, type RunningApp } from './guarded-app.js';

const nowInSeconds = (): number => Math.floor(Date.now() / 1000);

function expectRefusal(answer: Answer, reason: string): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status: 401,
    body: { statusCode: 401, message: expect.any(String) as string, error: 'Unauthorized', reason },
  });
  const challenge = answer.headers['www-authenticate'];
  if (reason === 'missing') expect(challenge).toBe('Bearer');
  else expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]+"$/);
}

describe.each(PLATFORMS)('JwtAuthGuard on %s', (platform) => {
  let app: RunningApp;

  beforeAll(async () => {
    app = await guardedApp(platform, testOptions({ redis: inject('redisUrl'), sessions: { limit: 5 } }));
  });

  afterAll(async () => {
    await app.nest.close();
  });

  let user = 0;
  const signIn = (init: Parameters<RunningApp['sessions']['create']>[1] = {}) => app.sessions.create(`user-${++user}`, init);

  describe('lets in', () => {
    it('a genuine token, and puts its session into request.user', async () => {
      const tokens = await signIn({ claims: { role: 'admin' }, scopes: ['read'], tenant: 'acme', data: { private: true } });
      const { status, body } = await app.get('/me', tokens.accessToken);
      expect(status).toBe(200);
      expect(body['user']).toMatchObject({
        userId: `user-${user}`,
        sessionId: tokens.sessionId,
        tenant: 'acme',
        claims: { role: 'admin' },
        scopes: ['read'],
      });
      expect(body['user']).not.toHaveProperty('data');
    });

    it.each(['bearer', 'BEARER', 'Bearer  '])('whatever the case and the blanks of the scheme: %s', async (scheme) => {
      const { accessToken } = await signIn();
      expect((await app.send('GET', '/me', { authorization: `${scheme} ${accessToken}` })).status).toBe(200);
    });

    it('everyone on a public route, whatever they send', async () => {
      for (const headers of [{}, { authorization: 'Bearer rubbish' }]) {
        const { status, body } = await app.send('GET', '/public', headers);
        expect({ status, body }).toEqual({ status: 200, body: { open: true, user: null, session: null } });
      }
    });

    it('reads private data where the handler asks for it, in the round trip that verifies', async () => {
      const { accessToken } = await signIn({ data: { theme: 'dark', list: [] } });
      expect((await app.get('/data', accessToken)).body).toEqual({ data: { theme: 'dark', list: [] }, same: true });
      expect((await app.get('/session', accessToken)).body).not.toHaveProperty('data');
    });
  });

  describe('refuses', () => {
    it('a request without a credential, naming no error', async () => {
      expectRefusal(await app.get('/me'), 'missing');
      expectRefusal(await app.send('GET', '/me', { authorization: 'Basic dXNlcjpwYXNz' }), 'missing');
      expectRefusal(await app.send('GET', '/me', { cookie: '__Host-access_token=x' }), 'missing');
    });

    it('S9 revoked, evicted, expired and unknown sessions, and the handler never runs', async () => {
      const revoked = await signIn();
      await app.sessions.revoke(revoked.sessionId);
      const evicted = await signIn();
      for (let i = 0; i < 5; i++) await app.sessions.create(`user-${user}`);
      const alive = await signIn();
      const calls = GuardedController.calls;

      expectRefusal(await app.get('/me', revoked.accessToken), 'revoked');
      expectRefusal(await app.get('/me', evicted.accessToken), 'evicted');
      const past = nowInSeconds() - 600;
      expectRefusal(await app.get('/me', resign(alive.accessToken, { iat: past - 60, exp: past, auth_time: past - 60 })), 'expired');
      const unknown = alive.sessionId.slice(0, 6) + 'A'.repeat(22);
      expectRefusal(await app.get('/me', resign(alive.accessToken, { sid: unknown })), 'invalid');
      expect(GuardedController.calls).toBe(calls);
    });

    it('a session that ended by reuse as revoked', async () => {
      const first = await signIn();
      const second = await app.sessions.refresh(first.refreshToken);
      await app.sessions.refresh(second.refreshToken);
      await expect(app.sessions.refresh(first.refreshToken)).rejects.toMatchObject({ reason: 'reused' });
      expectRefusal(await app.get('/me', second.accessToken), 'revoked');
    });

    it('J12 S18 hostile tokens, each with a 401', async () => {
      const { accessToken } = await signIn();
      const [header, payload, signature] = accessToken.split('.') as [string, string, string];
      const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const tokens: [string, string][] = [
        ['malformed', 'rubbish'],
        ['malformed', 'a.b.c'],
        ['malformed', `${header}.${payload}`],
        ['malformed', `${accessToken}.x`],
        ['malformed', `${accessToken}=`],
        ['malformed', `${header}.${encode(null)}.${signature}`],
        ['malformed', `${header}.${encode([])}.${signature}`],
        ['malformed', `${accessToken}${'A'.repeat(8192)}`],
        ['malformed', 'undefined'],
        ['invalid', `${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`],
        ['invalid', `${header}.${payload}.${'A'.repeat(43)}`],
        ['invalid', resign(accessToken, {}, { crit: ['x'] })],
        ['invalid', resign(accessToken, {}, { b64: false })],
        ['invalid', resign(accessToken, {}, { typ: 'JWT' })],
        ['invalid', resign(accessToken, {}, { kid: '../../etc/passwd' })],
        ['invalid', resign(accessToken, {}, { alg: 'HS512' })],
        ['invalid', resign(accessToken, { sub: 'somebody-else' })],
        ['invalid', resign(accessToken, { sub: { $ne: null } })],
        ['invalid', resign(accessToken, { sid: ['x'] })],
        ['invalid', resign(accessToken, { exp: '9999999999' })],
        ['invalid', resign(accessToken, { exp: null })],
        ['invalid', resign(accessToken, { iat: nowInSeconds() + 3600 })],
        ['invalid', resign(accessToken, { iss: 'https://evil.example' })],
        ['invalid', resign(accessToken, { aud: 'other' })],
        ['invalid', resign(accessToken, { ns: undefined })],
        ['invalid', resign(accessToken, { jti: undefined })],
      ];
      for (const [reason, token] of tokens) expectRefusal(await app.get('/me', token), reason);
    });

    it('Authorization headers that are no one bearer credential', async () => {
      const { accessToken } = await signIn();
      const good = `Bearer ${accessToken}`;
      for (const authorization of ['Bearer', 'Bearer a b', `${good}, ${good}`, `${good},x`, [good, good], ['Basic eA==', good]]) {
        expectRefusal(await app.send('GET', '/me', { authorization }), 'malformed');
      }
    });
  });

  it('OptionalAuth: none is anonymous, good is known, bad is refused', async () => {
    const { accessToken, sessionId } = await signIn();
    for (const path of ['/optional', '/open/optional']) {
      expect(await app.get(path)).toMatchObject({ status: 200, body: { userId: null } });
      expect(await app.get(path, accessToken)).toMatchObject({ status: 200, body: { userId: `user-${user}` } });
      expectRefusal(await app.get(path, 'rubbish'), 'malformed');
    }
    await app.sessions.revoke(sessionId);
    expectRefusal(await app.get('/optional', accessToken), 'revoked');
  });

  describe('Scopes', () => {
    it('asks for all of them, those of the controller too', async () => {
      const reader = (await signIn({ scopes: ['read', 'other'] })).accessToken;
      const writer = (await signIn({ scopes: ['write', 'read'] })).accessToken;
      const none = (await signIn({ scopes: ['readonly', 'write'] })).accessToken;
      expect((await app.get('/read', reader)).status).toBe(200);
      expect((await app.get('/write', writer)).status).toBe(200);
      expect((await app.get('/strict/write', writer)).status).toBe(200);
      expect((await app.get('/strict/write', reader)).status).toBe(403);
      expect((await app.get('/strict/write', none)).status).toBe(403);
      expect((await app.get('/strict/fresh', none)).status).toBe(403);
      const { status, headers, body } = await app.get('/write', reader);
      expect({ status, body }).toEqual({
        status: 403,
        body: { statusCode: 403, message: expect.any(String) as string, error: 'Forbidden', reason: 'insufficient_scope' },
      });
      expect(headers['www-authenticate']).toMatch(/^Bearer error="insufficient_scope", error_description="[^"]+", scope="read write"$/);
      expectRefusal(await app.get('/read'), 'missing');
    });

    it('on a handler is not undone by @Public() on its controller, but @Public() on a handler opens it', async () => {
      expect((await app.get('/open')).status).toBe(200);
      expectRefusal(await app.get('/open/read'), 'missing');
      expect((await app.get('/open/read', (await signIn()).accessToken)).status).toBe(403);
      expect((await app.get('/strict/open')).status).toBe(200);
    });

    it.each(['/contrary', '/contrary/fresh', '/contrary/optional/scopes', '/contrary/optional/fresh'])(
      'or RequireFresh is not undone by @Public() or @OptionalAuth() beside it: %s',
      async (path) => {
        expectRefusal(await app.get(path), 'missing');
        const admin = (await signIn({ scopes: ['admin'] })).accessToken;
        expect((await app.get(path, admin)).status).toBe(200);
      },
    );

    it('is not asked for where a handler alone is @Public()', async () => {
      expect((await app.get('/contrary/open')).status).toBe(200);
    });
  });

  it('RequireFresh asks for a new authentication after its time (RFC 9470), and reauthenticated gives it', async () => {
    const tokens = await signIn({ scopes: ['read'] });
    expect((await app.get('/fresh', tokens.accessToken)).status).toBe(200);
    const stale = resign(tokens.accessToken, { auth_time: nowInSeconds() - 310 });
    const { status, headers, body } = await app.get('/fresh', stale);
    expect({ status, body }).toEqual({
      status: 401,
      body: { statusCode: 401, message: expect.any(String) as string, error: 'Unauthorized', reason: 'reauthentication_required' },
    });
    expect(headers['www-authenticate']).toMatch(
      /^Bearer error="insufficient_user_authentication", error_description="[^"]+", max_age="300"$/,
    );
    expect((await app.get('/strict/fresh', stale)).status).toBe(200);
    expect((await app.get('/strict/fresh', resign(stale, { auth_time: nowInSeconds() - 3700 }))).status).toBe(401);
    const renewed = await app.sessions.reauthenticated(tokens.sessionId);
    expect((await app.get('/fresh', renewed!.accessToken)).status).toBe(200);
  });

  it.each([
    ['token', 401, { error: 'Unauthorized', reason: 'revoked' }, ['www-authenticate', /invalid_token/]],
    ['argument', 400, { error: 'Bad Request', message: 'userId must be a string' }, undefined],
    ['limit', 409, { error: 'Conflict' }, undefined],
    ['conflict', 409, { error: 'Conflict' }, undefined],
    ['unavailable', 503, { error: 'Service Unavailable' }, ['retry-after', /^7$/]],
    ['full', 503, { error: 'Service Unavailable' }, ['retry-after', /^8$/]],
    ['config', 500, { message: 'Internal Server Error' }, undefined],
  ] as const)('the exception filter answers an error of kind %s with %i', async (name, expected, body, header) => {
    const answer = await app.get(`/errors/${name}`);
    expect(answer).toMatchObject({ status: expected, body: { ...body, statusCode: expected } });
    if (header !== undefined) expect(answer.headers[header[0]]).toMatch(header[1]);
    expect(JSON.stringify(answer.body)).not.toMatch(/inner details|sessions\.create/);
  });

  describe('S14 without Redis', () => {
    const stopped: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stopped.splice(0)) await stop();
    });

    it.each([
      ['remote', true],
      ['remote', false],
      ['local', true],
    ] as const)(
      'where revocation is %s answers 503 with Retry-After, never 401, and recovers; httpErrors: %s',
      async (revocation, httpErrors) => {
        const redis = await startRedis();
        stopped.push(() => redis.stop());
        await using own = await guardedApp(
          platform,
          testOptions({ redis: redis.url, commandTimeout: 300, httpErrors, sessions: { revocation, maxStaleness: '500 ms' } }),
        );
        const { accessToken } = await until(() => own.sessions.create('alice'));
        const answers = (status: number) => until(async () => (await own.get('/me', accessToken)).status === status);
        await answers(200);
        await redis.pause();
        await answers(503);
        await redis.resume();
        await answers(200);
        await redis.kill();
        await answers(503);
        for (const path of ['/me', '/optional', '/read', '/data']) {
          const { status, headers, body } = await own.get(path, accessToken);
          expect({ status, body }).toEqual({
            status: 503,
            body: { statusCode: 503, message: expect.any(String) as string, error: 'Service Unavailable' },
          });
          expect(Number(headers['retry-after'])).toBeGreaterThan(0);
        }
        expectRefusal(await own.get('/me'), 'missing');
        expectRefusal(await own.get('/me', 'rubbish'), 'malformed');
        expect((await own.get('/public')).status).toBe(200);
      },
    );
  });
});
