import { generateKeyPairSync } from 'node:crypto';
import { Controller, Get, type INestApplication, Module, type Type, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  type Algorithm,
  CurrentSession,
  CurrentUser,
  getSessionServiceToken,
  type GuardOptions,
  InvalidArgumentError,
  JwtAuthGuard,
  JwtAuthGuardFor,
  type JwtKey,
  RedisAuthModule,
  type RedisAuthModuleOptions,
  RequireFresh,
  Scopes,
  SessionService,
  type VerifiedSession,
} from 'nestjs-redis-auth';
import passport from 'passport';
import { ExtractJwt } from 'passport-jwt';
import { describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../lib/testing/index.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { FaultProxy } from '../support/proxy.js';
import { TEST_SECRET, testOptions } from '../support/sessions.js';
import { guardedApp, PLATFORMS, run, type RunningApp } from './guarded-app.js';
import { until } from '../support/until.js';

const options = (changes: Parameters<typeof testOptions>[0] = {}): RedisAuthModuleOptions =>
  testOptions({ redis: inject('redisUrl'), ...changes });

/** Sent as a connection is made, which no request waits for, and to see whether it is there. */
const OF_CONNECTIONS = ['HELLO', 'CLIENT', 'INFO', 'PING'];

@Controller()
class PlainController {
  @Get('me')
  me(@CurrentUser() user: unknown, @CurrentSession() session: VerifiedSession | undefined) {
    return { user, sessionId: session?.sessionId };
  }
}

@Controller()
@UseGuards(JwtAuthGuard)
class FeatureController extends PlainController {}

function appModule(
  controllers: Type[],
  providers: NonNullable<Parameters<typeof Module>[0]['providers']>,
  given: RedisAuthModuleOptions = options(),
): Type {
  @Module({ imports: [RedisAuthModule.forRoot(given)], controllers, providers })
  class AppModule {}
  return AppModule;
}

describe.each(PLATFORMS)('the guard on %s', (platform) => {
  const withGuard = (guard: GuardOptions) => guardedApp(platform, options({ guard }));

  it.each<[string, () => Type, ((app: INestApplication) => void)?]>([
    ['APP_GUARD useClass', () => appModule([PlainController], [{ provide: APP_GUARD, useClass: JwtAuthGuard }])],
    ['APP_GUARD useExisting', () => appModule([PlainController], [{ provide: APP_GUARD, useExisting: JwtAuthGuard }])],
    ['useGlobalGuards', () => appModule([PlainController], []), (app) => app.useGlobalGuards(app.get(JwtAuthGuard))],
    [
      'UseGuards in another module, registered globally',
      () => {
        @Module({ controllers: [FeatureController] })
        class FeatureModule {}
        @Module({ imports: [RedisAuthModule.forRoot({ ...options(), isGlobal: true }), FeatureModule] })
        class AppModule {}
        return AppModule;
      },
    ],
  ])('works as %s', async (_how, module, prepare) => {
    await using app = await run(platform, module(), prepare);
    const { accessToken, sessionId } = await app.sessions.create('alice');
    expect(await app.get('/me', accessToken)).toMatchObject({ status: 200, body: { user: { userId: 'alice' }, sessionId } });
    expect((await app.get('/me')).body).toMatchObject({ reason: 'missing' });
  });

  it('userLoader makes request.user; the session stays at hand; null is a 401', async () => {
    const users: Record<string, unknown> = { alice: { name: 'Alice' } };
    await using app = await withGuard({ userLoader: async ({ userId }) => Promise.resolve(users[userId] ?? null) });
    const alice = await app.sessions.create('alice');
    const ghost = await app.sessions.create('ghost');
    expect((await app.get('/me', alice.accessToken)).body).toEqual({ user: { name: 'Alice' } });
    expect((await app.get('/session', alice.accessToken)).body).toMatchObject({ userId: 'alice', sessionId: alice.sessionId });
    for (const path of ['/me', '/optional']) {
      expect(await app.get(path, ghost.accessToken)).toMatchObject({ status: 401, body: { reason: 'invalid' } });
    }
  });

  it('takes an extractor of the application, alone or beside others', async () => {
    const extractor = ExtractJwt.fromExtractors([ExtractJwt.fromHeader('x-token'), ExtractJwt.fromUrlQueryParameter('token')]);
    await using app = await withGuard({ from: ['bearer', extractor] });
    const [one, other] = [await app.sessions.create('alice'), await app.sessions.create('alice')];
    const me = async (headers: Record<string, string>) => (await app.send('GET', '/me', headers)).body['reason'] ?? 'let in';
    expect(await me({ 'x-token': one.accessToken })).toBe('let in');
    expect(await me({ 'x-token': one.accessToken, authorization: `Bearer ${one.accessToken}` })).toBe('let in');
    expect(await me({ 'x-token': one.accessToken, authorization: `Bearer ${other.accessToken}` })).toBe('malformed');
    expect(await me({ 'x-token': 'rubbish' })).toBe('malformed');
    expect(await me({})).toBe('missing');
    expect((await app.get(`/me?token=${one.accessToken}`)).status).toBe(200);
  });

  it('refuses what an extractor of the application finds that is no string', async () => {
    await using app = await withGuard({ from: [() => ({ $ne: null }) as unknown as string] });
    expect(await app.get('/me')).toMatchObject({ status: 401, body: { reason: 'malformed' } });
  });

  it('touches the session only where guard.touch says so', async () => {
    await using touching = await guardedApp(platform, options({ guard: { touch: true }, sessions: { touchInterval: 0 } }));
    await using other = await guardedApp(platform, options({ sessions: { touchInterval: 0 } }));
    const seenBy = async (app: RunningApp): Promise<() => Promise<boolean>> => {
      const { accessToken, sessionId } = await app.sessions.create('alice');
      const lastSeen = async (): Promise<number> => (await app.sessions.get(sessionId))!.lastSeenAt.getTime();
      const before = await lastSeen();
      return async () => {
        expect((await app.get('/me', accessToken)).status).toBe(200);
        return (await lastSeen()) > before;
      };
    };
    // The other's session is older, and asked about later: had it been touched, it would show.
    const otherSeen = await seenBy(other);
    await otherSeen();
    await until(await seenBy(touching));
    expect(await otherSeen()).toBe(false);
  });

  it.each([
    ['remote', 1],
    ['local', 0],
  ] as const)(
    'where revocation is %s costs %i commands a request, with private data or without, and none for a forged token',
    async (revocation, cost) => {
      await using redis = await startRedis();
      await using proxy = await FaultProxy.open(redis.url);
      await using app = await guardedApp(platform, options({ redis: proxy.url, sessions: { revocation } }));
      const { accessToken } = await app.sessions.create('alice', { data: { a: 1 } });
      const commandsOf = async (path: string, token: string): Promise<number> => {
        await app.get(path, token);
        const before = proxy.commandCount({ except: OF_CONNECTIONS });
        await app.get(path, token);
        return proxy.commandCount({ except: OF_CONNECTIONS }) - before;
      };
      expect(await commandsOf('/me', accessToken)).toBe(cost);
      expect(await commandsOf('/data', accessToken)).toBe(cost);
      expect(await commandsOf('/me', `${accessToken.slice(0, -4)}AAAA`)).toBe(0);
      expect(await commandsOf('/public', accessToken)).toBe(0);
    },
  );

  it('keys are added, switched and dropped without one failed request', async () => {
    const prefix = uniquePrefix();
    const pair = generateKeyPairSync('ed25519');
    const old: JwtKey = { kid: 'old', secret: TEST_SECRET };
    const next: JwtKey = { kid: 'next', privateKey: pair.privateKey, algorithm: 'EdDSA' satisfies Algorithm };
    const start = (keys: JwtKey[]) => guardedApp(platform, options({ keyPrefix: prefix, jwt: { keys } }));

    // Two instances roll from step to step, one after the other.
    let running = [await start([old]), await start([old])];
    const session = { tokens: await running[0]!.sessions.create('alice') };
    const statuses: number[] = [];
    const useAll = async (): Promise<void> => {
      for (const app of running) statuses.push((await app.get('/me', session.tokens.accessToken)).status);
    };
    const refreshOn = async (app: RunningApp): Promise<void> => {
      session.tokens = await app.sessions.refresh(session.tokens.refreshToken);
      await useAll();
    };
    try {
      await useAll();
      for (const keys of [[old, next], [next, old], [next]]) {
        for (const index of [0, 1]) {
          const replaced = running[index]!;
          running[index] = await start(keys);
          await replaced.nest.close();
          await useAll();
          await refreshOn(running[index]);
          await refreshOn(running[1 - index]!);
        }
      }
    } finally {
      await Promise.all(running.map((app) => app.nest.close()));
      running = [];
    }
    expect(statuses.length).toBeGreaterThan(30);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});

describe('several registrations', () => {
  it('two instances in one application each let in their own tokens only', async () => {
    @Controller('admin')
    @UseGuards(JwtAuthGuardFor('admin'))
    class AdminController extends PlainController {}

    const { keyPrefix: _, ...shared } = options();
    const prefix = uniquePrefix();
    @Module({
      imports: [
        RedisAuthModule.forRoot({ ...shared, keyPrefix: prefix }),
        RedisAuthModule.forRoot({ ...shared, keyPrefix: `${prefix}admin:`, instance: 'admin' }),
      ],
      controllers: [FeatureController, AdminController],
    })
    class AppModule {}
    await using app = await run('Express', AppModule);
    const user = await app.sessions.create('alice');
    const admin = await app.nest.get<SessionService>(getSessionServiceToken('admin'), { strict: false }).create('alice');
    expect((await app.get('/me', user.accessToken)).status).toBe(200);
    expect((await app.get('/admin/me', admin.accessToken)).status).toBe(200);
    expect((await app.get('/me', admin.accessToken)).body).toMatchObject({ reason: 'invalid' });
    expect((await app.get('/admin/me', user.accessToken)).body).toMatchObject({ reason: 'invalid' });
  });

  it('gives one class for a name', () => {
    expect(JwtAuthGuardFor('x')).toBe(JwtAuthGuardFor('x'));
    expect(JwtAuthGuardFor('x')).not.toBe(JwtAuthGuardFor('y'));
    expect(JwtAuthGuardFor('default')).toBe(JwtAuthGuard);
  });
});

describe('the passport strategy', () => {
  const guardOf = (app: RunningApp): JwtAuthGuard => app.nest.get(JwtAuthGuard, { strict: false });
  const plainApp = (given: RedisAuthModuleOptions) => run('Express', appModule([PlainController], [], given));

  it.each(PLATFORMS)('works behind AuthGuard of @nestjs/passport on %s, and fails as passport does', async (platform) => {
    await using redis = await startRedis();
    const prepare = (app: INestApplication): void => {
      app.useGlobalGuards(new (AuthGuard(app.get(JwtAuthGuard).strategyName))());
    };
    const module = appModule([PlainController], [], options({ redis: redis.url, sessions: { maxStaleness: '500 ms' } }));
    await using app = await run(platform, module, prepare);
    const { accessToken, sessionId } = await app.sessions.create('alice');
    const all = await Promise.all(Array.from({ length: 20 }, () => app.get('/me', accessToken)));
    for (const answer of all) expect(answer).toMatchObject({ status: 200, body: { user: { userId: 'alice' }, sessionId } });
    expect((await app.get('/me')).status).toBe(401);
    expect((await app.get('/me', 'rubbish')).status).toBe(401);
    await app.sessions.revoke(sessionId);
    expect((await app.get('/me', accessToken)).status).toBe(401);
    const other = await app.sessions.create('bob');
    await redis.kill();
    const unavailable = await until(async () => {
      const answer = await app.get('/me', other.accessToken);
      return answer.status !== 200 && answer;
    });
    expect(unavailable).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) as string } });
  });

  it('speaks passport: the challenge goes into WWW-Authenticate', async () => {
    await using app = await run('Express', appModule([PlainController], []), (nest) => {
      const { strategyName } = nest.get(JwtAuthGuard);
      nest.use(passport.authenticate(strategyName, { session: false }));
    });
    const { accessToken } = await app.sessions.create('alice');
    expect(await app.get('/me', accessToken)).toMatchObject({ status: 200, body: { user: { userId: 'alice' } } });
    expect(await app.get('/me')).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(await app.get('/me', 'rubbish')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringContaining('error="invalid_token"') as string },
    });
  });

  it('is each registration’s own: two applications in one process never answer for each other', async () => {
    const secrets = ['first-secret-of-tests-4Tz8qLm1vXc', 'other-secret-of-tests-9Wn3kRb7yHd'];
    await using first = await plainApp(options({ jwt: { secret: secrets[0]! } }));
    await using second = await plainApp(options({ jwt: { secret: secrets[1]! } }));
    expect(guardOf(first).strategyName).not.toBe(guardOf(second).strategyName);
    for (const [app, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const { accessToken } = await app.sessions.create('alice');
      await expect(authenticate(guardOf(app).strategyName, accessToken)).resolves.toMatchObject({ userId: 'alice' });
      await expect(authenticate(guardOf(other).strategyName, accessToken)).rejects.toThrow('Bearer error="invalid_token"');
    }
  });

  it('is gone from passport when its application is', async () => {
    const app = await plainApp(options());
    const { accessToken } = await app.sessions.create('alice');
    const { strategyName } = guardOf(app);
    await expect(authenticate(strategyName, accessToken)).resolves.toMatchObject({ userId: 'alice' });
    await app.nest.close();
    await expect(authenticate(strategyName, accessToken)).rejects.toThrow('Unknown authentication strategy');
  });
});

describe('decorators refuse where they stand', () => {
  it.each(['', 'two words', 'quo"te', 'back\\slash', 'new\nline', 'ümlaut', 1 as unknown as string])('the scope %j', (scope) => {
    expect(() => Scopes(scope)).toThrow(InvalidArgumentError);
  });

  it.each(['5', '', 'soon', '-5m', 0, -1, Number.NaN, Infinity, '500 ms', null as unknown as string])('the age %j', (age) => {
    expect(() => RequireFresh(age)).toThrow(InvalidArgumentError);
  });
});

/** What passport says of a request with this token. */
function authenticate(strategyName: string, token: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, user: unknown, challenge: unknown): void => {
      if (error !== null) reject(error);
      else if (user === false) reject(new Error(String(challenge)));
      else resolve(user);
    };
    const middleware = passport.authenticate(strategyName, done) as (req: unknown, res: unknown, next: (error: unknown) => void) => void;
    middleware({ method: 'GET', headers: { authorization: `Bearer ${token}` } }, {}, reject);
  });
}
