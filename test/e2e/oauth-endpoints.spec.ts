import { randomBytes } from 'node:crypto';
import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  HttpException,
  type INestApplication,
  Injectable,
  Module,
  Post,
  UnauthorizedException,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  getSessionServiceToken,
  getTokenStoreToken,
  JwtAuthGuard,
  JwtAuthGuardFor,
  Public,
  RedisAuthConfigError,
  RedisAuthModule,
  type RedisAuthModuleOptions,
  SessionService,
  TokenStore,
} from 'nestjs-redis-auth';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  IntrospectionCache,
  RedisAuthOAuthModule,
  type RedisAuthOAuthModuleOptions,
  TokenIntrospection,
  TokenRevocation,
} from '../../lib/oauth/index.js';
import { startRedis } from '../../lib/testing/index.js';
import { CommandMonitor } from '../support/monitor.js';
import { FOREIGN_TEXTS } from '../support/oauth-services.js';
import { captureLog } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { resign } from '../support/resign.js';
import { testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { PLATFORMS, type Platform, run, type RunningApp } from './guarded-app.js';

const CLIENTS: Record<string, string> = { web: 'webs-password', cli: 'clis-password' };
const INACTIVE = { active: false };

interface ClientRequest {
  headers: { authorization?: string };
  client?: string;
}

/** How an application may authenticate its clients: HTTP Basic. */
@Injectable()
class ClientGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<ClientRequest>();
    const [name = '', password] = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64')
      .toString()
      .split(':');
    request.client = name;
    return password !== undefined && CLIENTS[name] === password;
  }
}

@Controller()
class OtherController {
  @Get('guarded')
  guarded() {
    return {};
  }
}

const basic = (client: string, password = CLIENTS[client]!): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${client}:${password}`).toString('base64')}`,
});

interface Answered {
  status: number;
  headers: Headers;
  text: string;
  body: unknown;
}

/** As an OAuth client sends it, unless the body is something else than parameters. */
async function post(app: RunningApp, path: string, body: unknown, headers: Record<string, string> = basic('web')): Promise<Answered> {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(`http://${app.authority}${path}`, {
    method: 'POST',
    headers: { ...(!isForm && body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

const form = (fields: Record<string, string> | [string, string][]): URLSearchParams => new URLSearchParams(fields);

type EndpointChanges = Partial<RedisAuthOAuthModuleOptions>;

function appWith(
  platform: Platform,
  options: RedisAuthModuleOptions,
  changes: EndpointChanges = {},
  isGlobal = true,
  prepare?: (app: INestApplication) => void,
): Promise<RunningApp> {
  const auth = RedisAuthModule.forRoot({ ...options, isGlobal });
  const oauth = RedisAuthOAuthModule.register({
    tokenTypes: ['api-key'],
    guards: [ClientGuard],
    clientId: (request) => (request as unknown as ClientRequest).client,
    ...(!isGlobal && { imports: [auth] }),
    ...changes,
  });
  @Module({ imports: [auth, oauth], controllers: [OtherController], providers: [{ provide: APP_GUARD, useClass: JwtAuthGuard }] })
  class AppModule {}
  return run(platform, AppModule, prepare);
}

let log: string[];
beforeAll(() => void (log = captureLog()));

describe.each(PLATFORMS)('the OAuth endpoints on %s', (platform) => {
  let app: RunningApp;
  let sessions: SessionService;
  let tokens: TokenStore;
  beforeAll(async () => {
    app = await appWith(platform, testOptions({ redis: inject('redisUrl') }));
    sessions = app.sessions;
    tokens = app.nest.get(TokenStore, { strict: false });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  const introspect = (token: string, headers?: Record<string, string>) => post(app, '/oauth/introspect', form({ token }), headers);
  const revoke = (token: string, headers?: Record<string, string>) => post(app, '/oauth/revoke', form({ token }), headers);

  const notStored = (answer: Answered): void => {
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('pragma')).toBe('no-cache');
  };

  it.each(['form', 'JSON'])('T13 introspect a session\u2019s tokens and opaque ones, asked by %s', async (how) => {
    const { accessToken, refreshToken, sessionId } = await sessions.create('ann', { scopes: ['read'], data: { a: 1 } });
    const { token: opaque, id } = await tokens.create({ type: 'api-key', owner: 'ann', data: { client_id: 'web', b: 2 } });
    const asked = async (token: string): Promise<unknown> => {
      const parameters = { token, token_type_hint: 'access_token' };
      const answer = await post(app, '/oauth/introspect', how === 'form' ? form(parameters) : parameters);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      notStored(answer);
      return answer.body;
    };
    expect(await asked(accessToken)).toMatchObject({ active: true, token_type: 'Bearer', sub: 'ann', sid: sessionId, scope: 'read' });
    expect(await asked(refreshToken)).toMatchObject({ active: true, sub: 'ann', sid: sessionId, aud: 'https://issuer.test' });
    expect(await asked(opaque)).toMatchObject({ active: true, token_type: 'Bearer', sub: 'ann', jti: id, client_id: 'web' });
  });

  it.each(['form', 'JSON'])('T12 revoke a session\u2019s tokens and opaque ones, asked by %s', async (how) => {
    const [one, other] = [await sessions.create('bob'), await sessions.create('bob')];
    const { token: opaque } = await tokens.create({ type: 'api-key', owner: 'bob' });
    for (const token of [one.accessToken, other.refreshToken, opaque]) {
      const parameters = { token, token_type_hint: 'refresh_token' };
      const answer = await post(app, '/oauth/revoke', how === 'form' ? form(parameters) : parameters);
      expect([answer.status, answer.text]).toEqual([200, '']);
      notStored(answer);
      expect((await introspect(token)).body).toEqual(INACTIVE);
    }
    expect(await sessions.count('bob')).toBe(0);
    expect(await tokens.count({ type: 'api-key', owner: 'bob' })).toBe(0);
  });

  it('T12 T13 tell unknown, foreign, expired, malformed, revoked and deleted tokens apart by nothing', async () => {
    const revoked = await sessions.create('cy');
    const live = await sessions.create('cy');
    await sessions.revoke(revoked.sessionId);
    const { token: deleted } = await tokens.create({ type: 'api-key', owner: 'cy' });
    await tokens.delete({ type: 'api-key', token: deleted });
    const { token: unserved } = await tokens.create({ type: 'password-reset', owner: 'cy' });
    const dead = [
      ...Object.values(FOREIGN_TEXTS).filter((text) => !text.includes('\ud800')),
      revoked.accessToken,
      revoked.refreshToken,
      resign(live.accessToken, { exp: 1 }),
      resign(live.accessToken, { iss: 'https://else.test' }),
      deleted,
      unserved,
    ];
    const plain = ({ status, headers, text }: Answered) => ({
      status,
      text,
      headers: [...headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name)),
    });
    const [inactive, nothing] = [plain(await introspect('unknown')), plain(await revoke('unknown'))];
    expect(inactive).toMatchObject({ status: 200, text: '{"active":false}' });
    expect(nothing).toMatchObject({ status: 200, text: '' });
    for (const token of dead) {
      expect(plain(await introspect(token))).toEqual(inactive);
      expect(plain(await revoke(token))).toEqual(nothing);
    }
    expect((await introspect(live.accessToken)).body).toMatchObject({ active: true });
    expect(await tokens.get({ type: 'password-reset', token: unserved })).not.toBeNull();
  });

  it('T12 refuse to revoke an opaque token of another client', async () => {
    const { token } = await tokens.create({ type: 'api-key', owner: 'dan', data: { client_id: 'web' } });
    const refused = await revoke(token, basic('cli'));
    expect([refused.status, refused.body]).toEqual([
      400,
      { error: 'invalid_grant', error_description: 'the token was issued to another client' },
    ]);
    notStored(refused);
    // a resource server has a name of its own
    expect((await introspect(token, basic('cli'))).body).toMatchObject({ active: true, client_id: 'web' });
    expect((await revoke(token, basic('web'))).status).toBe(200);
    expect((await revoke(token, basic('cli'))).status).toBe(200);
  });

  const bodies: [what: string, body: unknown][] = [
    ['no body', undefined],
    ['no token', form({ token_type_hint: 'access_token' })],
    ['an empty token', form({ token: '' })],
    [
      'two tokens',
      form([
        ['token', 'a'],
        ['token', 'b'],
      ]),
    ],
    [
      'two hints',
      form([
        ['token', 'a'],
        ['token_type_hint', 'b'],
        ['token_type_hint', 'c'],
      ]),
    ],
    ['a number', { token: 1 }],
    ['null', { token: null }],
    ['an object', { token: { $ne: null } }],
    ['a list', { token: ['a'] }],
    ['a hint that is no text', { token: 'a', token_type_hint: {} }],
    ['a list for a body', ['token']],
  ];
  it.each(bodies)('answer 400 invalid_request to %s', async (_what, body) => {
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      const answer = await post(app, path, body);
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request', error_description: expect.any(String) as unknown } });
      notStored(answer);
    }
  });

  it('answer 401 invalid_client to clients that do not authenticate, whatever they ask', async () => {
    const { accessToken } = await sessions.create('eve');
    for (const headers of [{}, basic('web', 'wrong'), { authorization: `Bearer ${accessToken}` }]) {
      for (const path of ['/oauth/introspect', '/oauth/revoke']) {
        for (const body of [form({ token: accessToken }), form({ token: 'unknown' }), undefined]) {
          const answer = await post(app, path, body, headers);
          expect([answer.status, answer.body]).toEqual([
            401,
            { error: 'invalid_client', error_description: 'the client could not be authenticated' },
          ]);
          expect(answer.headers.get('www-authenticate')).toBe(
            'authorization' in headers && headers.authorization!.startsWith('Bearer') ? 'Bearer' : 'Basic realm="oauth"',
          );
          notStored(answer);
        }
      }
    }
    expect((await introspect(accessToken)).body).toMatchObject({ active: true });
  });

  it('are there by POST alone, and leave the rest of the application guarded', async () => {
    expect((await app.get('/oauth/introspect?token=x')).status).toBe(404);
    expect((await app.get('/oauth/revoke?token=x')).status).toBe(404);
    expect(await app.get('/guarded')).toMatchObject({ status: 401, body: { reason: 'missing' } });
    const { accessToken } = await sessions.create('fay');
    expect((await app.get('/guarded', accessToken)).status).toBe(200);
    await revoke(accessToken);
    expect(await app.get('/guarded', accessToken)).toMatchObject({ status: 401, body: { reason: 'revoked' } });
  });

  it('answer 503 with Retry-After while Redis is down, and are there again after that', async () => {
    await using proxy = await FaultProxy.open(inject('redisUrl'));
    await using down = await appWith(platform, testOptions({ redis: proxy.url }));
    const { accessToken, refreshToken } = await down.sessions.create('gus');
    await proxy.refuse();
    for (const token of [accessToken, refreshToken, 'unknown']) {
      for (const path of ['/oauth/introspect', '/oauth/revoke']) {
        const answer = await post(down, path, form({ token }));
        expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        notStored(answer);
      }
    }
    await proxy.heal();
    await until(async () => (await post(down, '/oauth/revoke', form({ token: refreshToken }))).status === 200);
    expect((await post(down, '/oauth/introspect', form({ token: accessToken }))).body).toEqual(INACTIVE);
  });

  it('answer 400 unsupported_token_type to access tokens where nothing would stop their use', async () => {
    await using off = await appWith(platform, testOptions({ redis: inject('redisUrl'), sessions: { revocation: 'off' } }));
    const { accessToken } = await off.sessions.create('hal');
    const refused = await post(off, '/oauth/revoke', form({ token: accessToken }));
    expect(refused).toMatchObject({ status: 400, body: { error: 'unsupported_token_type' } });
    expect((await post(off, '/oauth/introspect', form({ token: accessToken }))).body).toMatchObject({ active: true });
  });

  it('take a path, an audience, and one of the two; without isGlobal the registration comes by imports', async () => {
    const options = testOptions({ redis: inject('redisUrl') });
    await using other = await appWith(
      platform,
      options,
      { path: 'auth/v1', revocation: false, audience: (request) => request.headers['x-resource'] as string | undefined },
      false,
    );
    const { accessToken } = await other.sessions.create('ida');
    const asked = (headers: Record<string, string>) =>
      post(other, '/auth/v1/introspect', form({ token: accessToken }), { ...basic('web'), ...headers });
    expect((await asked({ 'x-resource': 'api' })).body).toMatchObject({ active: true });
    expect((await asked({ 'x-resource': 'mail' })).body).toEqual(INACTIVE);
    expect((await post(other, '/auth/v1/revoke', form({ token: accessToken }))).status).toBe(404);
    expect((await post(other, '/oauth/introspect', form({ token: accessToken }))).status).toBe(404);
  });

  it.each<[string, Parameters<INestApplication['enableVersioning']>[0]]>([
    ['in the URI', { type: VersioningType.URI, defaultVersion: '1' }],
    ['in a header', { type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '1' }],
    ['in the media type', { type: VersioningType.MEDIA_TYPE, key: 'v=', defaultVersion: '1' }],
  ])('are where they were in an application of versions %s, and behind its prefix', async (_where, versioning) => {
    const prepare = (nest: INestApplication): void => void nest.setGlobalPrefix('api').enableVersioning(versioning);
    await using versioned = await appWith(platform, testOptions({ redis: inject('redisUrl') }), {}, true, prepare);
    const { accessToken: token } = await versioned.sessions.create('jim');
    expect((await post(versioned, '/api/oauth/introspect', form({ token }))).body).toMatchObject({ active: true });
    expect((await post(versioned, '/api/oauth/revoke', form({ token }))).status).toBe(200);
  });

  it('of two registrations know each its own tokens', async () => {
    const redis = inject('redisUrl');
    const register = (instance: string) => RedisAuthModule.forRoot({ ...testOptions({ redis }), instance, isGlobal: true });
    const mount = (instance: string) =>
      RedisAuthOAuthModule.register({ instance, path: instance, tokenTypes: ['api-key'], guards: [new ClientGuard()] });
    @Module({ imports: [register('one'), register('two'), mount('one'), mount('two')] })
    class AppModule {}
    await using both = await run(platform, AppModule);
    const of = <T>(token: unknown): T => both.nest.get<T>(token as never, { strict: false });
    const { accessToken, refreshToken } = await of<SessionService>(getSessionServiceToken('one')).create('joe');
    const { token: opaque } = await of<TokenStore>(getTokenStoreToken('one')).create({ type: 'api-key', owner: 'joe' });
    for (const token of [opaque, accessToken, refreshToken]) {
      expect((await post(both, '/two/introspect', form({ token }))).body).toEqual(INACTIVE);
      expect((await post(both, '/two/revoke', form({ token }))).status).toBe(200);
      expect((await post(both, '/one/introspect', form({ token }))).body).toMatchObject({ active: true, sub: 'joe' });
    }
  });

  it('let clients authenticate by access tokens where JwtAuthGuard is among the guards, bound globally or not', async () => {
    for (const guard of [JwtAuthGuard, JwtAuthGuardFor('default')]) {
      await using guarded = await appWith(platform, testOptions({ redis: inject('redisUrl') }), { guards: [guard] });
      const { accessToken } = await guarded.sessions.create('service');
      const { refreshToken: token } = await guarded.sessions.create('kim');
      const missing = await post(guarded, '/oauth/introspect', form({ token }), {});
      expect([missing.status, missing.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      const answer = await post(guarded, '/oauth/introspect', form({ token }), { authorization: `Bearer ${accessToken}` });
      expect(answer.body).toMatchObject({ active: true, sub: 'kim' });
    }
  });

  it.each([
    ['UnauthorizedException', () => new UnauthorizedException('no such client: web'), 401, { error: 'invalid_client' }],
    ['ForbiddenException', () => new ForbiddenException(), 401, { error: 'invalid_client' }],
    ['one with a body of its own', () => new ForbiddenException({ error: 'unauthorized_client' }), 403, { error: 'unauthorized_client' }],
    ['one of another status', () => new HttpException({ error: 'slow_down' }, 429), 429, { error: 'slow_down' }],
    ['no exception of HTTP', () => new Error('inner details'), 500, { statusCode: 500, message: 'Internal server error' }],
  ])('answer as a guard has it that throws %s', async (_what, error, status, body) => {
    const guard: CanActivate = {
      canActivate: () => {
        throw error();
      },
    };
    await using refusing = await appWith(platform, testOptions({ redis: inject('redisUrl') }), { guards: [guard] });
    const answer = await post(refusing, '/oauth/introspect', form({ token: 'x' }));
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject(body);
    expect(answer.text).not.toMatch(/inner details|no such client/);
  });

  it('S16 show no token: in answers, logs or commands', async () => {
    await using redis = await startRedis();
    await using here = await appWith(platform, testOptions({ redis: redis.url }));
    const made = await here.sessions.create('lee');
    const { token: opaque } = await here.nest.get(TokenStore, { strict: false }).create({ type: 'api-key', owner: 'lee' });
    const foreign = randomBytes(36).toString('base64url');
    await using monitor = await CommandMonitor.start(redis);
    const answers: string[] = [];
    for (const token of [made.accessToken, made.refreshToken, opaque, foreign]) {
      for (const path of ['/oauth/introspect', '/oauth/revoke', '/oauth/introspect']) {
        const { text, headers } = await post(here, path, form({ token }), basic('cli'));
        answers.push(text, JSON.stringify([...headers]));
      }
    }
    const commands = (await monitor.commands()).map(({ args }) => args.join(' '));
    expect(commands.length).toBeGreaterThan(6);
    const everything = [...answers, ...commands, ...log].join('\n');
    const [, , secret, , mac] = made.refreshToken.split('.');
    const parts = [made.accessToken.split('.')[2], secret, mac, opaque.slice(6), foreign, CLIENTS['cli']];
    for (const part of parts) expect(everything).not.toContain(part);
  });
});

describe('RedisAuthOAuthModule', () => {
  it('provides the services to whoever imports it, with endpoints or without', async () => {
    const auth = RedisAuthModule.forRoot({ ...testOptions({ redis: inject('redisUrl') }), isGlobal: true });
    const services = RedisAuthOAuthModule.register({
      revocation: false,
      introspection: false,
      tokenTypes: ['api-key'],
      cache: { maxTtl: '1m' },
    });
    @Injectable()
    class Consumer {
      constructor(
        readonly revocation: TokenRevocation,
        readonly introspection: TokenIntrospection,
        readonly cache: IntrospectionCache,
      ) {}
    }
    @Module({ imports: [auth, services], providers: [Consumer] })
    class AppModule {}
    await using app = await run('Express', AppModule);
    const { revocation, introspection, cache } = app.nest.get(Consumer);
    const { accessToken } = await app.sessions.create('mia');
    expect(await introspection.introspect({ token: accessToken })).toMatchObject({ active: true });
    expect(await cache.introspect(accessToken, (token) => introspection.introspect({ token }))).toMatchObject({ active: true, sub: 'mia' });
    expect(await revocation.revoke({ token: accessToken })).toBe(true);
    await cache.evict(accessToken);
    expect(await cache.introspect(accessToken, (token) => introspection.introspect({ token }))).toEqual(INACTIVE);
    expect((await post(app, '/oauth/introspect', form({ token: accessToken }))).status).toBe(404);
  });

  it.each(PLATFORMS)('refuses with 400 where an endpoint of the application\u2019s own lets the error through, on %s', async (platform) => {
    @Public()
    @Controller()
    class RevocationController {
      constructor(private readonly revocation: TokenRevocation) {}

      @Post('revoke')
      async revoke(@Body('token') token: string) {
        await this.revocation.revoke({ token, clientId: 'cli' });
      }
    }
    const auth = RedisAuthModule.forRoot({ ...testOptions({ redis: inject('redisUrl') }), isGlobal: true });
    const services = RedisAuthOAuthModule.register({ revocation: false, introspection: false, tokenTypes: ['api-key'] });
    @Module({ imports: [auth, services], controllers: [RevocationController] })
    class AppModule {}
    await using app = await run(platform, AppModule);
    const { token } = await app.nest
      .get(TokenStore, { strict: false })
      .create({ type: 'api-key', owner: 'ned', data: { client_id: 'web' } });
    expect(await post(app, '/revoke', { token })).toMatchObject({
      status: 400,
      body: { message: 'the token was issued to another client' },
    });
    expect((await post(app, '/revoke', {})).status).toBe(400);
    expect((await post(app, '/revoke', { token: 'unknown' })).status).toBe(201);
  });

  it('mounts nothing that is open to everyone, unless it is told to', async () => {
    for (const options of [{}, { guards: [] }, { revocation: false }, { public: false }, { introspection: false, guards: [] }]) {
      expect(() => RedisAuthOAuthModule.register(options)).toThrow(RedisAuthConfigError);
    }
    const auth = RedisAuthModule.forRoot({ ...testOptions({ redis: inject('redisUrl') }), isGlobal: true });
    @Module({ imports: [auth, RedisAuthOAuthModule.register({ public: true })] })
    class AppModule {}
    await using app = await run('Express', AppModule);
    expect((await post(app, '/oauth/introspect', form({ token: 'x' }), {})).body).toEqual(INACTIVE);
  });

  it('lists every mistake in its options', () => {
    const wrong = {
      path: 1,
      revocation: 'yes',
      tokenTypes: ['', { app: 'x' }],
      clientId: 'web',
      cache: { maxTtl: 'soon' },
      gaurds: [],
      guards: {},
    } as never;
    const issuesOf = (): string[] => {
      try {
        RedisAuthOAuthModule.register(wrong);
        return [];
      } catch (error) {
        return (error as RedisAuthConfigError).issues.map(({ path }) => path.replace('RedisAuthOAuthModule.', '')).sort();
      }
    };
    expect(issuesOf()).toEqual(['cache.maxTtl', 'clientId', 'gaurds', 'guards', 'path', 'revocation', 'tokenTypes']);
  });
});
