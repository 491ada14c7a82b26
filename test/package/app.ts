/** The application that apps.package.ts installs, compiles and runs: one source for ESM and CommonJS, Nest 11 and 12. */
import 'reflect-metadata';
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Body, Controller, Get, HttpCode, Module, Post, UseGuards, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  CurrentSession,
  InvalidTokenError,
  JwtAuthGuard,
  RedisAuthConfigError,
  RedisAuthModule,
  SessionService,
  type SessionTokens,
  TokenStore,
  type VerifiedSession,
} from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';

const jwt = { secret: randomBytes(32), issuer: 'https://issuer.test', audience: 'app' };

@Controller()
class AuthController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  login(@Body() body: { userId: string }): Promise<SessionTokens> {
    return this.sessions.create(body.userId, { claims: { role: 'reader' } });
  }

  @Post('refresh')
  refresh(@Body() body: { refreshToken: string }): Promise<SessionTokens> {
    return this.sessions.refresh(body.refreshToken);
  }

  @Post('logout')
  @HttpCode(200)
  async logout(@Body() body: { refreshToken: string }): Promise<{ done: boolean }> {
    return { done: await this.sessions.logout(body.refreshToken) };
  }

  @Get('me')
  @UseGuards(JwtAuthGuard)
  me(@CurrentSession() session: VerifiedSession): { userId: string; role: unknown } {
    return { userId: session.userId, role: session.claims['role'] };
  }
}

async function main(): Promise<void> {
  const redis = await startRedis();

  @Module({ imports: [RedisAuthModule.forRoot({ redis: redis.url, jwt, audit: 'off' })], controllers: [AuthController] })
  class AppModule {}

  try {
    const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
    await app.listen(0, '127.0.0.1');
    await play(app);
    await takeToken(app.get(TokenStore));
    await app.close();
  } finally {
    await redis.stop();
  }
  await errorsAreTheSameClass();
  absentPackagesAreNotNeeded();
  await subpathsNeedTheirPeers();
  console.log('all as it should be');
}

async function takeToken(tokens: TokenStore): Promise<void> {
  const { token } = await tokens.create<{ plan: string }>({ type: 'invitation', owner: 'ada', data: { plan: 'small' } });
  const taken = await tokens.consume<{ plan: string }>({ type: 'invitation', token });
  assert.equal(taken?.data.plan, 'small');
  assert.equal(await tokens.consume({ type: 'invitation', token }), null);
}

async function play(app: INestApplication): Promise<void> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const me = (token: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/me`, { headers: { authorization: `Bearer ${token}` } });
  const post = async (path: string, body: object): Promise<any> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.ok(response.ok, `${path} was answered with ${response.status}`);
    return response.json();
  };

  const first = await post('login', { userId: 'ada' });
  const answer = await me(first.accessToken);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { userId: 'ada', role: 'reader' });

  const second = await post('refresh', { refreshToken: first.refreshToken });
  assert.notEqual(second.refreshToken, first.refreshToken);
  assert.equal((await me(second.accessToken)).status, 200);

  assert.deepEqual(await post('logout', { refreshToken: second.refreshToken }), { done: true });
  const refused = await me(second.accessToken);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  assert.equal(((await refused.json()) as { reason: string }).reason, 'revoked');

  const error: unknown = await app
    .get(SessionService)
    .verify(second.accessToken)
    .catch((reason: unknown) => reason);
  assert.ok(error instanceof InvalidTokenError);
  assert.equal(error.reason, 'revoked');
}

/** `require` and `import` yield one and the same class, so that `instanceof` holds whoever threw. */
async function errorsAreTheSameClass(): Promise<void> {
  const required = createRequire(join(process.cwd(), 'app.js'))('nestjs-redis-auth') as { RedisAuthConfigError: unknown };
  const imported = await import('nestjs-redis-auth');
  assert.equal(required.RedisAuthConfigError, RedisAuthConfigError);
  assert.equal(imported.RedisAuthConfigError, RedisAuthConfigError);

  const boot = async (): Promise<INestApplication> =>
    NestFactory.create(RedisAuthModule.forRoot({ jwt: { ...jwt, secret: 'short' } }), { abortOnError: false, logger: false });
  await assert.rejects(boot, RedisAuthConfigError);
}

/** What the root must not load is not even installed here; the package came up all the same. */
function absentPackagesAreNotNeeded(): void {
  const { resolve } = createRequire(join(process.cwd(), 'app.js'));
  const absent = ['config', 'graphql', 'jwt', 'microservices', 'terminus', 'websockets'].map((name) => `@nestjs/${name}`);
  for (const name of [...absent, '@opentelemetry/api', 'oidc-provider']) {
    assert.throws(() => resolve(name), { code: 'MODULE_NOT_FOUND' }, name);
  }
}

/** What stands behind a subpath is there, and asks for its own peer and nothing else. */
async function subpathsNeedTheirPeers(): Promise<void> {
  await assert.rejects(import('nestjs-redis-auth/terminus'), /Cannot find package '@nestjs\/terminus'/);
  await assert.rejects(import('nestjs-redis-auth/otel'), /Cannot find package '@opentelemetry\/api'/);
}

void main();
