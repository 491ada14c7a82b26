import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { Controller, Get, Logger, Module, UseGuards } from '@nestjs/common';
import { Redis } from 'ioredis';
import { JwtAuthGuard, RedisAuthConfigError, RedisAuthModule, SessionService, StoreUnavailableError } from 'nestjs-redis-auth';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { run, type RunningApp } from '../e2e/guarded-app.js';
import { AWKWARD } from '../support/awkward-ids.js';
import { ask } from '../support/ask.js';
import { commandStats, growth } from '../support/commands.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { CommandMonitor } from '../support/monitor.js';
import { captureLog } from '../support/open-connection.js';
import { reasonOf } from '../support/session-outcomes.js';
import { TEST_SECRET, testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { withoutTtl } from '../support/without-ttl.js';
import { bootApp, type InstanceOfApp } from './app.js';

// S10 is in s10.spec.ts; S12, S13 and S21 are with the cases of the OAuth store, in a.spec.ts.

const TOO_LONG = 'x'.repeat(10_240);

let redis: TestRedis;
let app: InstanceOfApp;
let sessions: SessionService;
beforeAll(async () => {
  redis = await startRedis();
  app = await bootApp({ redis: redis.url, keyPrefix: 'auth:' });
  ({ sessions } = app);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await redis.stop();
});
afterEach(() => Logger.overrideLogger(false));

const isUnavailable = (error: unknown): boolean => error instanceof StoreUnavailableError;
const errorOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => `resolved: ${inspect(value)}`,
    (error: unknown) => error,
  );

describe('S what others get wrong', () => {
  it('S1 a pattern in place of a token or an id never matches another', async () => {
    const { sessionId, refreshToken } = await sessions.create('ann');
    const patterns = AWKWARD.flatMap((text) => [text, sessionId.slice(0, -1) + text, refreshToken.slice(0, -1) + text]);
    for (const text of patterns) {
      expect(['invalid', 'malformed'], text).toContain(await reasonOf(sessions.verify(text)));
      expect(['invalid', 'malformed'], text).toContain(await reasonOf(sessions.refresh(text)));
      expect(await sessions.logout(text)).toBe(false);
      if (Buffer.byteLength(text) > 256) continue;
      expect(await sessions.get(text)).toBeNull();
      expect(await sessions.revoke(text)).toBe(false);
      expect(await sessions.revokeAll(text)).toBe(0);
    }
    expect(await sessions.get(sessionId)).not.toBeNull();
    await sessions.refresh(refreshToken);
  });

  it('S2 no identity bleeds into another by its beginning', async () => {
    const users = ['user', 'user-session', 'user:session', 'abc', 'abcd', 'ab', 'abc:d'];
    const tenants = [undefined, 'abc', 'abcd', 'user'];
    const identities = users.flatMap((userId) => tenants.map((tenant) => [userId, tenant === undefined ? {} : { tenant }] as const));
    const made = await Promise.all(identities.map(([userId, of]) => sessions.create(userId, of)));
    expect(await sessions.revokeAll('abc', { tenant: 'abc' })).toBe(1);
    expect(await sessions.revokeAll('user')).toBe(1);
    await sessions.revokeTenant('abcd');
    for (const [n, [userId, of]] of identities.entries()) {
      const ended =
        ('tenant' in of && of.tenant === 'abcd') ||
        (userId === 'abc' && 'tenant' in of && of.tenant === 'abc') ||
        (userId === 'user' && !('tenant' in of));
      expect(await sessions.count(userId, of), `${userId} ${inspect(of)}`).toBe(ended ? 0 : 1);
      expect(await reasonOf(sessions.verify(made[n]!.accessToken))).toBe(ended ? 'revoked' : 'resolved');
    }
  });

  it('S3 awkward text in any id cannot collide, be cut, or leave its slot', async () => {
    for (const text of AWKWARD) {
      const made = [
        await sessions.create(text),
        await sessions.create(text, { tenant: text }),
        await sessions.create('bob', { tenant: text }),
      ];
      const [one, two] = await Promise.all([sessions.list(text), sessions.list(text, { tenant: text })]);
      expect(one.map(({ userId, sessionId, tenant }) => [userId, sessionId, tenant])).toEqual([[text, made[0]!.sessionId, undefined]]);
      expect(two.map(({ userId, sessionId, tenant }) => [userId, sessionId, tenant])).toEqual([[text, made[1]!.sessionId, text]]);
      expect(await sessions.verify(made[1]!.accessToken)).toMatchObject({ userId: text, tenant: text });
    }
    expect(await errorOf(sessions.create(TOO_LONG))).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'userId' });
    expect(await errorOf(sessions.create('ann', { tenant: TOO_LONG }))).toMatchObject({ argument: 'tenant' });
    for (const key of await ask(redis, (client) => client.keys('auth:*'))) {
      expect(key).toMatch(/^auth:[surxtf]:\{[\w-]+\}[^{}\s]*$/);
    }
  });

  it('S4 undefined keeps the field', async () => {
    const { sessionId } = await sessions.create('cat', { data: { a: 1, b: 2 } });
    expect((await sessions.update(sessionId, { a: undefined, b: 3 }))?.data).toEqual({ a: 1, b: 3 });
  });

  it('S5 update after the end revives nothing; concurrent updates keep both fields', async () => {
    const { sessionId } = await sessions.create('dan');
    await Promise.all(Array.from({ length: 50 }, (_, n) => sessions.update(sessionId, { [`field${n}`]: n })));
    const info = (await sessions.get(sessionId, { data: true }))!;
    expect(info.data).toEqual(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`field${n}`, n])));
    expect(info.version).toBe(50);
    await sessions.revoke(sessionId);
    expect(await sessions.update(sessionId, { back: true })).toBeNull();
    expect(await sessions.get(sessionId)).toBeNull();
    expect(await sessions.count('dan')).toBe(0);
  });

  it('S6 32 sign-ins at once with limit 1 leave one session', async () => {
    await using single = await bootApp({ redis: redis.url, sessions: { limit: 1 } });
    const made = await Promise.all(Array.from({ length: 32 }, () => single.sessions.create('eve')));
    const outcomes = await Promise.all(made.map(({ accessToken }) => reasonOf(single.sessions.verify(accessToken))));
    expect(outcomes.filter((outcome) => outcome === 'resolved')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'evicted')).toHaveLength(31);
    expect(await single.sessions.list('eve')).toHaveLength(1);
  });

  it('S7 no call touches foreign keys, whatever the id', async () => {
    const foreign = { 'app:config': 'a', 'cache:1': 'b', app: 'c', '*': 'd', auth: 'e', 'auth:': 'f', 'auth:app': 'g' };
    await ask(redis, (client) => client.mset(foreign));
    await using single = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix(), sessions: { limit: 1 } });
    for (const id of ['app', '*', 'app:config', 'cache:1', 'auth:', '?', 'config']) {
      for (const { sessions: service } of [app, single]) {
        await service.create(id);
        await service.create(id, { tenant: 'app' });
        await service.revokeAll(id);
      }
    }
    await sessions.revokeTenant('*');
    await sessions.revokeTenant('app');
    expect(await ask(redis, (client) => client.mget(...Object.keys(foreign)))).toEqual(Object.values(foreign));
    await ask(redis, (client) => client.del(...Object.keys(foreign)));
  });

  it('S8 an invalid ttl rejects before anything is issued or stored', async () => {
    const size = await app.connection.dbSize();
    for (const ttl of ['', '5', 'soon', '-1s', 0, -5, Number.NaN, Infinity, null, {}, []]) {
      for (const name of ['accessTokenTtl', 'idleTimeout', 'absoluteTimeout']) {
        expect(await errorOf(sessions.create('fay', { [name]: ttl }))).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT' });
      }
    }
    expect(await app.connection.dbSize()).toBe(size);
    for (const ttl of ['5', 'soon', 0, -1]) {
      await expect(bootApp({ redis: redis.url, sessions: { accessTokenTtl: ttl } })).rejects.toMatchObject({
        issues: [{ path: 'sessions.accessTokenTtl' }],
      });
    }
  });

  describe.each(['local', 'remote'] as const)('S9 by the guard, where revocation is %s', (revocation) => {
    let handled = 0;
    @Controller()
    @UseGuards(JwtAuthGuard)
    class SecretController {
      @Get('secret')
      read(): string {
        handled++;
        return 'secret';
      }
    }
    let http: RunningApp;
    beforeAll(async () => {
      const options = testOptions({ redis: redis.url, keyPrefix: `guarded-${revocation}:`, sessions: { limit: 2, revocation } });
      @Module({ imports: [RedisAuthModule.forRoot(options)], controllers: [SecretController] })
      class AppModule {}
      http = await run('Express', AppModule);
    });
    afterAll(() => http[Symbol.asyncDispose]());
    const get = (token: string) => request(http.nest.getHttpServer()).get('/secret').set('authorization', `Bearer ${token}`);

    it('S9 a live session gets in', async () => {
      const before = handled;
      await get((await http.sessions.create('ann')).accessToken).expect(200, 'secret');
      expect(handled).toBe(before + 1);
    });

    it.each<[string, string, () => Promise<string>]>([
      [
        'revoked',
        'revoked',
        async () => {
          const { accessToken, sessionId } = await http.sessions.create('bob');
          await http.sessions.revoke(sessionId);
          return accessToken;
        },
      ],
      [
        'evicted',
        'evicted',
        async () => {
          const { accessToken } = await http.sessions.create('cat');
          await http.sessions.create('cat');
          await http.sessions.create('cat');
          return accessToken;
        },
      ],
      [
        'expired',
        'expired',
        async () => {
          const { accessToken } = await http.sessions.create('dan', { idleTimeout: '50 ms' });
          await until(async () => (await http.sessions.count('dan')) === 0);
          return accessToken;
        },
      ],
      [
        'unknown',
        'invalid',
        async () => {
          const { accessToken } = await http.sessions.create('eve');
          for (let n = 0; n < 3; n++) await http.sessions.verify(accessToken);
          const keys = await ask(redis, (client) => client.keys(`guarded-${revocation}:*`));
          await ask(redis, (client) => client.del(...keys));
          // noticed by the feed, which went with them
          if (revocation === 'local') await until(() => http.sessions.recall(accessToken) === undefined);
          return accessToken;
        },
      ],
      ['of another application', 'invalid', async () => (await sessions.create('ann')).accessToken],
      ['garbage', 'malformed', async () => 'garbage'],
    ])('S9 a session that is %s gets 401 %s, and the handler never runs', async (_what, reason, make) => {
      const token = await make();
      const before = handled;
      const { body, headers } = await get(token).expect(401);
      expect(body).toMatchObject({ statusCode: 401, reason });
      expect(headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_token"/);
      expect(handled).toBe(before);
    });
  });

  it('S11 a refresh token is usable after its access token has expired', async () => {
    await using short = await bootApp({ redis: redis.url, jwt: { clockTolerance: 0 }, sessions: { accessTokenTtl: '2s' } });
    const first = await short.sessions.create('gus');
    await until(async () => (await reasonOf(short.sessions.verify(first.accessToken))) === 'expired');
    const second = await short.sessions.refresh(first.refreshToken);
    await expect(short.sessions.verify(second.accessToken)).resolves.toMatchObject({ sessionId: first.sessionId });
  });

  it.each([
    ['remote', { revocation: 'remote' }],
    ['local', { revocation: 'local', maxStaleness: '200 ms' }],
  ] as const)(
    'S14 with Redis down every call fails in bounded time, as something else than "not found"; revocation is %s',
    async (of, options) => {
      await using own = await startRedis();
      Logger.overrideLogger(false);
      await using lost = await bootApp({ redis: own.url, commandTimeout: 300, sessions: options });
      const { accessToken, refreshToken, sessionId } = await until(() => lost.sessions.create('ann'));
      await until(async () => (await lost.sessions.get('Ab3_-9abcdefghijklmnopqrstuv')) === null);
      for (const fault of ['pause', 'kill'] as const) {
        await own[fault]();
        // what is known of access tokens is good for so long
        if (of === 'local') await until(async () => isUnavailable(await errorOf(lost.sessions.verify(accessToken))));
        const start = performance.now();
        const calls = [
          lost.sessions.create('ann'),
          lost.sessions.verify(accessToken),
          lost.sessions.refresh(refreshToken),
          lost.sessions.get(sessionId),
          lost.sessions.list('ann'),
          lost.sessions.count('ann'),
          lost.sessions.update(sessionId, { a: 1 }),
          lost.sessions.touch(sessionId),
          lost.sessions.regenerate(sessionId),
          lost.sessions.reauthenticated(sessionId),
          lost.sessions.revoke(sessionId),
          lost.sessions.logout(refreshToken),
          lost.sessions.revokeAll('ann'),
          lost.sessions.revokeTenant('acme'),
          lost.connection.ping(),
        ];
        const errors = await Promise.all(calls.map(errorOf));
        // Other files run on the same machine: how much of it they take is not what is asked here.
        expect(performance.now() - start).toBeLessThan(1_500);
        expect(errors.filter((error) => !isUnavailable(error))).toEqual([]);
      }
    },
  );

  it('S15 no request’s path has KEYS or SCAN, nor any command but scripts and the epoch of a tenant', async () => {
    const before = await commandStats(redis);
    for (const of of [{}, { tenant: 'acme' }]) {
      const { refreshToken, sessionId } = await sessions.create('hal', { ...of, requestId: inspect(of), data: { a: 1 } });
      const { accessToken } = await sessions.refresh(refreshToken);
      await sessions.verify(accessToken, { data: true });
      await sessions.list('hal', of);
      await sessions.count('hal', of);
      await sessions.update(sessionId, { a: null });
      await sessions.touch(sessionId);
      await sessions.reauthenticated(sessionId);
      const next = (await sessions.regenerate(sessionId))!;
      await sessions.logout(next.accessToken);
      await sessions.revokeAll('hal', of);
    }
    await sessions.revokeTenant('acme');
    const used = Object.keys(growth(before, await commandStats(redis))).filter((name) => !/^(info|hello|client\|\w+)$/.test(name));
    expect(used).not.toContain('keys');
    expect(used.filter((name) => /scan|keys|flush|sort|config|smembers/.test(name))).toEqual([]);
    expect(used).toContain('evalsha');
  });

  it('S16 no token or secret of a session in MONITOR, keys, values, errors or logs', async () => {
    await using own = await startRedis();
    await using one = await bootApp({ redis: own.url });
    const log = captureLog();
    // Both connections of the module are up and quiet: ioredis takes what is monitored while MONITOR begins for a reply.
    await one.sessions.count('nobody');
    await until(async () => {
      const clients = String(await ask(own, (client) => client.client('LIST'))).match(/ cmd=\S+/g)!;
      return clients.filter((cmd) => /cmd=(info|eval|evalsha)$/.test(cmd)).length === 2;
    });
    await using monitor = await CommandMonitor.start(own);
    const first = await one.sessions.create('ann', { requestId: 'r', data: { a: 1 } });
    const second = await one.sessions.refresh(first.refreshToken);
    await one.sessions.verify(second.accessToken);
    const third = (await one.sessions.regenerate(first.sessionId))!;
    await one.sessions.logout(second.refreshToken);
    const errors = [await errorOf(one.sessions.refresh(first.refreshToken)), await errorOf(one.sessions.verify(second.accessToken))];
    await one.sessions.logout(third.accessToken);
    const seen = (await monitor.everything()).map(({ args }) => args.join(' '));
    const stored = await ask(own, async (client) =>
      Promise.all(
        (await client.keys('*')).map(async (key) => [key, await client.dumpBuffer(key)].map((part) => part.toString('latin1')).join()),
      ),
    );
    expect(seen.join()).toContain(first.sessionId.slice(6));
    expect(stored.join()).toContain(first.sessionId.slice(6));
    const places = [
      ...seen,
      ...stored,
      ...log,
      ...errors.map((error) => inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)),
    ];
    for (const { accessToken, refreshToken } of [first, second, third]) {
      for (const secret of [
        accessToken,
        accessToken.split('.')[2]!,
        refreshToken,
        refreshToken.split('.')[2]!,
        refreshToken.split('.')[4]!,
        TEST_SECRET,
      ]) {
        expect(places.filter((place) => place.includes(secret))).toEqual([]);
      }
    }
  });

  it('S17 no key without a TTL', async () => {
    await using own = await startRedis();
    await using one = await bootApp({ redis: own.url, sessions: { keyspaceNotifications: true, limit: 3 } });
    for (const of of [{}, { tenant: 'acme' }]) {
      const made = await Promise.all(
        Array.from({ length: 5 }, (_, n) => one.sessions.create('ann', { ...of, data: { a: 1 }, requestId: `r${n}` })),
      );
      await one.sessions.refresh(made[4]!.refreshToken);
      await one.sessions.update(made[4]!.sessionId, { b: 2 });
      await one.sessions.touch(made[4]!.sessionId);
      await one.sessions.reauthenticated(made[4]!.sessionId);
      await one.sessions.regenerate(made[4]!.sessionId);
      await one.sessions.revokeAll('ann', of);
      await one.sessions.create('ann', of);
    }
    await one.sessions.revokeTenant('acme');
    await one.sessions.revokeTenant('never seen');
    expect(await one.connection.dbSize()).toBeGreaterThan(8);
    expect(await withoutTtl(own)).toEqual([]);
  });

  it('S18 default or short secrets refuse to boot; other algorithms are rejected', async () => {
    const refused = [
      '',
      'secret',
      'changeme',
      'x'.repeat(31),
      'x'.repeat(64),
      'your-secret-key-change-me-in-production',
      Buffer.alloc(31, 'q'),
      undefined,
    ];
    for (const secret of refused) {
      const error = await errorOf(bootApp({ redis: redis.url, jwt: { secret } as never }));
      expect(error, String(secret)).toBeInstanceOf(RedisAuthConfigError);
      expect((error as RedisAuthConfigError).issues.map(({ path }) => path).join()).toMatch(/^jwt/);
    }
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    expect(await errorOf(bootApp({ redis: redis.url, jwt: { secret: pem } }))).toBeInstanceOf(RedisAuthConfigError);
    for (const algorithm of ['none', 'HS1', 'RS256', 'ES256']) {
      expect(await errorOf(bootApp({ redis: redis.url, jwt: { algorithm: algorithm as never } }))).toBeInstanceOf(RedisAuthConfigError);
    }
    const keyPrefix = uniquePrefix();
    await using hs256 = await bootApp({ redis: redis.url, keyPrefix });
    await using hs512 = await bootApp({
      redis: redis.url,
      keyPrefix,
      jwt: { secret: createSecretKey(Buffer.from(TEST_SECRET)), algorithm: 'HS512' },
    });
    await using rs256 = await bootApp({ redis: redis.url, keyPrefix, jwt: { privateKey } });
    for (const { sessions: other } of [hs512, rs256]) {
      expect(await reasonOf(hs256.sessions.verify((await other.create('ann')).accessToken))).toBe('invalid');
      expect(await reasonOf(other.verify((await hs256.sessions.create('ann')).accessToken))).toBe('invalid');
    }
  });

  it('S19 shutdown ends only the clients that the module created', async () => {
    await using own = await startRedis();
    const client = new Redis(own.socketPath);
    try {
      const others = async (): Promise<number> =>
        String(await client.client('LIST'))
          .trim()
          .split('\n').length - 1;
      const theirs = await bootApp({ redis: { client } });
      const ours = await bootApp({ redis: own.url });
      await theirs.sessions.create('ann');
      await ours.sessions.create('ann');
      await until(async () => (await others()) >= 3, { what: 'two links and a client of the module' });
      await Promise.all([theirs.nest.close(), ours.nest.close()]);
      await until(async () => (await others()) === 0);
      expect(client.status).toBe('ready');
      expect(await client.ping()).toBe('PONG');
    } finally {
      client.disconnect();
    }
  });

  it('S20 the Redis password never appears in errors or logs', async () => {
    const bootLog = captureLog();
    const [right, wrong] = ['r1ght/pass:w@rd', 'wr0ng/pass:w@rd'];
    await using own = await startRedis({ password: right });
    const at = (password: string): string => `redis://:${encodeURIComponent(password)}@127.0.0.1:${own.port}`;
    const errors = [
      await errorOf(bootApp({ redis: at(wrong) })),
      await errorOf(bootApp({ redis: `${at(right)}/not-a-number` })),
      await errorOf(bootApp({ redis: { url: at(right), keyPrefix: right } as never })),
    ];
    for (const error of errors) expect(error).toBeInstanceOf(RedisAuthConfigError);
    await using one = await bootApp({ redis: at(right), commandTimeout: 300 });
    const log = captureLog();
    one.connection.on('error', (error) => errors.push(error));
    await ask(own, async (client) => {
      await client.config('SET', 'requirepass', wrong);
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    });
    await until(() => errors.length > 3);
    errors.push(await errorOf(one.sessions.create('ann')), await errorOf(one.connection.ping()));
    expect(errors.slice(-2).every(isUnavailable)).toBe(true);
    expect(log.length).toBeGreaterThan(0);
    for (const text of [
      ...bootLog,
      ...log,
      ...errors.map((error) => inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)),
    ]) {
      for (const password of [right, wrong]) {
        expect(text).not.toContain(password);
        expect(text).not.toContain(encodeURIComponent(password));
      }
    }
  });
});
