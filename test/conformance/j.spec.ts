import { createHmac } from 'node:crypto';
import { Body, Controller, Delete, Get, Headers, Ip, Module, Param, Post, UseGuards } from '@nestjs/common';
import {
  CurrentSession,
  CurrentUser,
  JwtAuthGuard,
  Public,
  RedisAuthConnection,
  RedisAuthModule,
  Scopes,
  type SessionInit,
  SessionService,
  type VerifiedSession,
} from 'nestjs-redis-auth';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { run } from '../e2e/guarded-app.js';
import { ask } from '../support/ask.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { EventsHeard, reasonOf } from '../support/session-outcomes.js';
import { TEST_SECRET, testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { bootApp, type InstanceOfApp } from './app.js';

let app: InstanceOfApp;
let sessions: SessionService;
beforeAll(async () => {
  app = await bootApp({ redis: inject('redisUrl'), sessions: { absoluteTimeout: '1 year', idleTimeout: '1 year' } });
  ({ sessions } = app);
});
afterAll(() => app[Symbol.asyncDispose]());

describe('J sessions by JWT', () => {
  it('J1 create, then verify returns the id, the claims, iat and the live TTL in seconds', async () => {
    const before = Math.floor(Date.now() / 1000);
    const { accessToken, sessionId } = await sessions.create('ann', { claims: { role: 'admin', nested: { a: [1] } } });
    const session = await sessions.verify(accessToken);
    expect(session).toMatchObject({ userId: 'ann', sessionId, claims: { role: 'admin', nested: { a: [1] } } });
    expect(session.issuedAt.getTime() / 1000).toBeGreaterThanOrEqual(before);
    expect(session.issuedAt.getTime()).toBeLessThanOrEqual(Date.now());
    expect(session.ttl).toBeGreaterThan(890);
    expect(session.ttl).toBeLessThanOrEqual(900);
    const later = await until(async () => {
      const again = await sessions.verify(accessToken);
      return again.ttl < session.ttl && again;
    });
    expect(later.expiresAt).toEqual(session.expiresAt);
  });

  it('J2 private data is not in the JWT and comes back only when asked for', async () => {
    const { accessToken } = await sessions.create('ann', { data: { iban: 'DE02' } });
    expect(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()).not.toMatch(/iban|DE02/);
    expect(await sessions.verify(accessToken)).not.toHaveProperty('data');
    expect((await sessions.verify(accessToken, { data: true })).data).toEqual({ iban: 'DE02' });
  });

  it.each([
    ['50 seconds', 50],
    ['10 minutes', 600],
    ['15 minutes', 900],
    ['5 hours', 18_000],
    ['3 days', 259_200],
    ['1 year', 31_536_000],
  ] as const)('J3 a TTL of %s', async (text, seconds) => {
    const { sessionId, refreshTokenExpiresAt } = await sessions.create('ann', { idleTimeout: text });
    const { createdAt, expiresAt } = (await sessions.get(sessionId))!;
    expect(expiresAt.getTime() - createdAt.getTime()).toBe(seconds * 1000);
    expect(refreshTokenExpiresAt).toEqual(expiresAt);
  });

  it('J5 with limit 1 a second sign-in ends the first', async () => {
    await using single = await bootApp({ redis: inject('redisUrl'), sessions: { limit: 1 } });
    const first = await single.sessions.create('ann');
    const second = await single.sessions.create('ann');
    expect(await reasonOf(single.sessions.verify(first.accessToken))).toBe('evicted');
    await expect(single.sessions.verify(second.accessToken)).resolves.toMatchObject({ sessionId: second.sessionId });
  });

  it('J6 without a limit both are valid', async () => {
    for (const { accessToken } of [await sessions.create('bob'), await sessions.create('bob')]) {
      await expect(sessions.verify(accessToken)).resolves.toMatchObject({ userId: 'bob' });
    }
    expect(await sessions.count('bob')).toBe(2);
  });

  it('J7 revoke(sessionId) ends it at once; a second revoke is false', async () => {
    const { accessToken, sessionId } = await sessions.create('cat');
    expect(await sessions.revoke(sessionId)).toBe(true);
    expect(await reasonOf(sessions.verify(accessToken))).toBe('revoked');
    expect(await sessions.revoke(sessionId)).toBe(false);
  });

  it('J8 revokeAll(user) ends all and returns how many', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => sessions.create('dan')));
    expect(await sessions.revokeAll('dan')).toBe(5);
    for (const { accessToken } of made) expect(await reasonOf(sessions.verify(accessToken))).toBe('revoked');
    expect(await sessions.revokeAll('dan')).toBe(0);
  });

  it('J9 list(user), with private data on request', async () => {
    const first = await sessions.create('eve', { device: { name: 'laptop', ip: '10.0.0.1', userAgent: 'Firefox' }, data: { a: 1 } });
    const second = await sessions.create('eve', { device: { name: 'phone' } });
    const list = await sessions.list('eve');
    expect(list.map(({ sessionId, device, data }) => [sessionId, device?.name, data])).toEqual([
      [first.sessionId, 'laptop', undefined],
      [second.sessionId, 'phone', undefined],
    ]);
    expect((await sessions.list('eve', { data: true })).map(({ data }) => data)).toEqual([{ a: 1 }, {}]);
    expect(await sessions.list('nobody')).toEqual([]);
  });

  it('J10 count(user)', async () => {
    expect(await sessions.count('fay')).toBe(0);
    const { sessionId } = await sessions.create('fay');
    await sessions.create('fay');
    expect(await sessions.count('fay')).toBe(2);
    await sessions.revoke(sessionId);
    expect(await sessions.count('fay')).toBe(1);
  });

  it('J11 an expired one is rejected by verify, and its session by refresh', async () => {
    const { accessToken, refreshToken, sessionId } = await sessions.create('gus', { idleTimeout: '300 ms', accessTokenTtl: '1s' });
    await until(async () => (await reasonOf(sessions.verify(accessToken))) === 'expired');
    expect(await reasonOf(sessions.refresh(refreshToken))).toBe('expired');
    expect(await sessions.get(sessionId)).toBeNull();
    expect(await sessions.count('gus')).toBe(0);
  });

  it('J12 a wrong secret, garbage and alg none are rejected', async () => {
    const { accessToken } = await sessions.create('hal');
    const [header, payload] = accessToken.split('.') as [string, string];
    const sign = (head: string, key: string): string =>
      `${head}.${payload}.${createHmac('sha256', key).update(`${head}.${payload}`).digest('base64url')}`;
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    expect(sign(header, TEST_SECRET)).toBe(accessToken);
    expect(await reasonOf(sessions.verify(sign(header, `${TEST_SECRET}x`)))).toBe('invalid');
    expect(await reasonOf(sessions.verify(sign(none, TEST_SECRET)))).toBe('invalid');
    for (const garbage of [
      `${none}.${payload}.`,
      'garbage',
      'a.b.c',
      '..',
      '',
      'null',
      '{}',
      accessToken.slice(1),
      `${accessToken} `,
      `Bearer ${accessToken}`,
    ]) {
      expect(['invalid', 'malformed'], garbage).toContain(await reasonOf(sessions.verify(garbage)));
    }
  });

  it('J13 ping, server info and db size', async () => {
    expect(await app.connection.ping()).toBe('PONG');
    expect(await app.connection.info('server')).toContain('redis_version');
    const size = await app.connection.dbSize();
    expect(size).toBeGreaterThan(0);
    expect(Number.isSafeInteger(size)).toBe(true);
  });

  it('J14 the events ready, connected, disconnected and error', async () => {
    // over TCP, where a server that starts is refused by one error until it listens
    await using redis = await startRedis({ port: 'tcp' });
    await using own = await bootApp({ redis: redis.url, commandTimeout: 300 });
    const seen: string[] = [];
    for (const event of ['ready', 'connected', 'disconnected'] as const) own.connection.on(event, () => seen.push(event));
    own.connection.on('error', (error) => seen.push(error instanceof Error ? 'error' : 'nonsense'));
    await until(() => seen.length === 2);
    expect(seen.splice(0).sort()).toEqual(['connected', 'ready']);
    await redis.kill();
    await until(() => seen.includes('error'));
    expect(seen.splice(0)).toEqual(['disconnected', 'error']);
    await redis.restart();
    await until(() => seen.includes('ready'));
    expect(seen).toEqual(['connected', 'ready']);
  });

  it('J15 raw client access', async () => {
    const key = `${uniquePrefix()}raw`;
    expect(await app.connection.client.set(key, 'v', 'EX', 10)).toBe('OK');
    expect(await app.connection.client.get(key)).toBe('v');
  });

  it('J16 with keyspace notifications an expiry reaches the events stream by itself; without them it does when noticed', async () => {
    await using redis = await startRedis();
    for (const keyspaceNotifications of [true, false]) {
      await using own = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix(), sessions: { keyspaceNotifications } });
      using heard = await EventsHeard.of(own.sessions);
      if (keyspaceNotifications) await until(() => ask(redis, (client) => client.pubsub('NUMPAT')), { what: 'expiries are heard' });
      const { sessionId } = await own.sessions.create('ann', { idleTimeout: '250 ms' });
      const expired = async (): Promise<boolean> =>
        (await heard.untilNow()).some((event) => event.type === 'expired' && event.sessionId === sessionId);
      if (keyspaceNotifications) await until(expired);
      else await until(async () => (await own.sessions.count('ann')) === 0 && (await expired()));
      expect(await own.sessions.get(sessionId)).toBeNull();
    }
  });

  it.each<[string, Parameters<typeof startRedis>[0], (server: TestRedis) => string]>([
    ['a unix socket', {}, ({ socketPath }) => socketPath],
    ['a db number', { port: 'tcp' }, ({ port }) => `redis://127.0.0.1:${port}/3`],
    ['a password', { password: 'pass-w0rd' }, ({ port }) => `redis://:pass-w0rd@127.0.0.1:${port}`],
    ['a user name', { users: ['app on >pass-w0rd ~* &* +@all'] }, ({ port }) => `redis://app:pass-w0rd@127.0.0.1:${port}`],
  ])('J17 %s', async (_what, options, url) => {
    await using redis = await startRedis(options);
    await using own = await bootApp({ redis: url(redis) });
    const { accessToken } = await own.sessions.create('ann');
    await expect(own.sessions.verify(accessToken)).resolves.toMatchObject({ userId: 'ann' });
  });
});

describe('J what users build on it is short to write', () => {
  const lifetimes: Record<string, SessionInit> = { admin: { idleTimeout: '10 minutes' }, user: { idleTimeout: '3 days' } };

  @Controller()
  @UseGuards(JwtAuthGuard)
  class AccountController {
    constructor(
      private readonly sessions: SessionService,
      private readonly redis: RedisAuthConnection,
    ) {}

    /** Ip and user agent per session, TTL by role. */
    @Public()
    @Post('login')
    login(@Body() { name, role }: { name: string; role: string }, @Ip() ip: string, @Headers('user-agent') userAgent: string) {
      return this.sessions.create(name, { ...lifetimes[role], scopes: [role], device: { ip, userAgent } });
    }

    @Get('sessions')
    mine(@CurrentUser('userId') userId: string) {
      return this.sessions.list(userId);
    }

    @Post('logout')
    logoutHere(@CurrentSession() { sessionId }: VerifiedSession) {
      return this.sessions.revoke(sessionId);
    }

    @Delete('sessions/:id')
    async logoutThere(@CurrentUser('userId') userId: string, @Param('id') id: string) {
      return (await this.sessions.get(id))?.userId === userId && this.sessions.revoke(id);
    }

    @Delete('sessions')
    logoutElsewhere(@CurrentSession() { userId, sessionId }: VerifiedSession) {
      return this.sessions.revokeAll(userId, { except: sessionId });
    }

    @Scopes('admin')
    @Delete('users/:id/sessions')
    logoutUser(@Param('id') userId: string) {
      return this.sessions.revokeAll(userId);
    }

    @Scopes('admin')
    @Get('info')
    async info() {
      return { ping: await this.redis.ping(), keys: await this.redis.dbSize(), memory: await this.redis.info('memory') };
    }
  }

  @Module({ imports: [RedisAuthModule.forRoot(testOptions({ redis: inject('redisUrl') }))], controllers: [AccountController] })
  class AppModule {}

  it('J list my sessions, log out here, there and elsewhere, admin log-out of a user, info, ip and user agent, TTL by role', async () => {
    await using running = await run('Express', AppModule);
    const http = () => request(running.nest.getHttpServer());
    const login = async (name: string, role: string, agent: string) => {
      const { body } = await http().post('/login').set('user-agent', agent).send({ name, role }).expect(201);
      const { accessToken, sessionId } = body as { accessToken: string; sessionId: string };
      return { sessionId, auth: `Bearer ${accessToken}` };
    };
    const [phone, laptop, desk] = [
      await login('ann', 'user', 'phone'),
      await login('ann', 'user', 'laptop'),
      await login('ann', 'user', 'desk'),
    ];
    const bob = await login('bob', 'user', 'phone');
    const root = await login('root', 'admin', 'tty');

    const mine = await http().get('/sessions').set('authorization', phone.auth).expect(200);
    expect(mine.body).toMatchObject([
      { sessionId: phone.sessionId, device: { userAgent: 'phone', ip: expect.stringContaining('127.0.0.1') as string } },
      { sessionId: laptop.sessionId, device: { userAgent: 'laptop' } },
      { sessionId: desk.sessionId, device: { userAgent: 'desk' } },
    ]);
    const there = (id: string) => http().delete(`/sessions/${id}`).set('authorization', phone.auth).expect(200);
    expect((await there(laptop.sessionId)).text).toBe('true');
    expect((await there(bob.sessionId)).text).toBe('false');
    await http().get('/sessions').set('authorization', laptop.auth).expect(401);
    expect((await http().delete('/sessions').set('authorization', phone.auth).expect(200)).text).toBe('1');
    await http().get('/sessions').set('authorization', desk.auth).expect(401);
    await http().post('/logout').set('authorization', phone.auth).expect(201);
    await http().get('/sessions').set('authorization', phone.auth).expect(401);

    await http().delete('/users/bob/sessions').set('authorization', bob.auth).expect(403);
    await http().delete('/users/bob/sessions').set('authorization', root.auth).expect(200);
    await http().get('/sessions').set('authorization', bob.auth).expect(401);
    const info = await http().get('/info').set('authorization', root.auth).expect(200);
    expect(info.body).toMatchObject({ ping: 'PONG', memory: expect.stringContaining('used_memory:') as string });
    const [admin] = await running.sessions.list('root');
    expect(admin!.expiresAt.getTime() - admin!.createdAt.getTime()).toBe(600_000);
  });
});
