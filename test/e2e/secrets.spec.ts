import { randomBytes } from 'node:crypto';
import { Controller, Get, Headers, HttpCode, Module, Post, Req, Res } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  CurrentSession,
  CurrentUser,
  type HttpRequest,
  type HttpResponse,
  JwtAuthGuard,
  OptionalAuth,
  Public,
  readRefreshCookie,
  RedisAuthModule,
  RequireFresh,
  Scopes,
  SessionService,
  setAuthCookies,
  type SessionTokens,
} from 'nestjs-redis-auth';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { captureLog } from '../support/open-connection.js';
import { testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { PLATFORMS, run, type RunningApp } from './guarded-app.js';

const PASSWORD = 'r3dis/pass:w@rd#1';
const JWT_SECRET = randomBytes(48).toString('base64url');

const issued: SessionTokens[] = [];
const keep = (tokens: SessionTokens): SessionTokens => (issued.push(tokens), tokens);

@Controller()
class StoryController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('sign-in')
  async signIn(@Res({ passthrough: true }) res: HttpResponse) {
    setAuthCookies(res, keep(await this.sessions.create('alice', { data: { cart: [1] } })));
    return {};
  }

  @Public()
  @Post('refresh')
  async refresh(@Req() req: HttpRequest, @Res({ passthrough: true }) res: HttpResponse) {
    setAuthCookies(res, keep(await this.sessions.refresh(readRefreshCookie(req)!)));
    return {};
  }

  @Public()
  @Post('boom')
  async boom(@Req() req: HttpRequest) {
    try {
      await this.sessions.refresh(readRefreshCookie(req)!);
    } catch (error) {
      // What an application may make of it: nobody's exception, which Nest logs with its cause.
      throw new Error('the application failed', { cause: error });
    }
  }

  @Get('me')
  me(@CurrentUser() user: unknown) {
    return { user };
  }

  @Post('me')
  @HttpCode(200)
  change(@CurrentSession() session: unknown) {
    return { session };
  }

  @Get('data')
  data(@CurrentSession({ data: true }) session: unknown) {
    return { session };
  }

  @RequireFresh('5m')
  @Get('fresh')
  fresh() {
    return {};
  }

  @Scopes('admin')
  @Get('admin')
  admin() {
    return {};
  }

  @OptionalAuth()
  @Get('optional')
  optional(@CurrentUser('userId') userId: string | undefined) {
    return { userId: userId ?? null };
  }

  @Public()
  @Get('session')
  async one(@Headers('x-session-id') id: string) {
    return { session: await this.sessions.get(id) };
  }
}

let redis: TestRedis;
let log: string[];
let consoleText: string[];
beforeEach(async () => {
  issued.length = 0;
  redis = await startRedis({ password: PASSWORD });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await redis.stop();
});

describe.each(PLATFORMS)('S16 an application on %s', (platform) => {
  it('shows no token, no part of one that proves anything, and no password in answers or logs, whatever it is sent', async () => {
    const options = testOptions({
      redis: redis.url,
      jwt: { secret: JWT_SECRET },
      guard: { from: ['bearer', 'cookie'] },
    });
    @Module({
      imports: [RedisAuthModule.forRoot(options)],
      controllers: [StoryController],
      providers: [{ provide: APP_GUARD, useClass: JwtAuthGuard }],
    })
    class AppModule {}
    await using app = await run(platform, AppModule);
    log = captureLog();
    consoleText = [];
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, 'write').mockImplementation((chunk: string | Uint8Array) => consoleText.push(String(chunk)) > 0);
    }

    const answers: string[] = [];
    const statuses = new Set<number>();
    const send = async (method: string, path: string, headers: Record<string, string | string[]>): Promise<void> => {
      const { status, headers: answered, body } = await app.send(method, path, headers);
      const { 'set-cookie': cookies, ...others } = answered;
      statuses.add(status);
      answers.push(JSON.stringify([status, others, body, status < 300 ? undefined : cookies]));
    };
    await story(app, send);
    vi.restoreAllMocks();

    expect([...statuses].sort()).toEqual([200, 201, 400, 401, 403, 500, 503]);
    expect(issued.length).toBeGreaterThan(5);
    expect(answers.join('\n')).toContain(issued[0]!.sessionId);
    expect(answers.join('\n')).toContain('"reason":"revoked"');
    expect(log.join('\n')).toContain('the application failed');
    expect(log.join('\n')).toContain('is not available');

    const secrets = issued.flatMap(({ accessToken, refreshToken }) => {
      const [, , secret, , mac] = refreshToken.split('.') as [string, string, string, string, string];
      return [accessToken, accessToken.split('.')[2]!, refreshToken, secret, mac];
    });
    const everywhere = { answers: answers.join('\n'), log: log.join('\n'), console: consoleText.join('\n') };
    for (const secret of new Set([...secrets, JWT_SECRET, PASSWORD, encodeURIComponent(PASSWORD)])) {
      expect(secret.length).toBeGreaterThan(11);
      for (const [place, text] of Object.entries(everywhere)) expect(text.includes(secret), `${place}: ${secret.slice(0, 6)}…`).toBe(false);
    }
  });
});

type Send = (method: string, path: string, headers: Record<string, string | string[]>) => Promise<void>;

/** Every route with credentials that are live, used, ended, forged and misplaced, and with Redis in every state. */
async function story(app: RunningApp, send: Send): Promise<void> {
  const withRefreshToken = async (token: string): Promise<void> => {
    for (const path of ['/refresh', '/boom']) {
      await send('POST', path, { cookie: `__Secure-refresh_token=${token}`, 'sec-fetch-site': 'same-origin' });
    }
  };
  const present = async (token: string, other: string): Promise<void> => {
    const bearer = { authorization: `Bearer ${token}` };
    const cookie = { cookie: `__Host-access_token=${token}` };
    for (const path of ['/me', '/data', '/fresh', '/admin', '/optional']) {
      await send('GET', path, bearer);
      await send('GET', path, cookie);
    }
    await send('POST', '/me', { ...cookie, 'sec-fetch-site': 'same-origin' });
    await send('POST', '/me', { ...cookie, 'sec-fetch-site': 'cross-site' });
    await send('GET', '/me', { ...bearer, cookie: `__Host-access_token=${other}` });
    await send('GET', '/me', { authorization: `Bearer ${token} ${other}` });
    await send('GET', '/me', { authorization: `Basic ${token}` });
    await send('GET', '/session', { 'x-session-id': token });
    await withRefreshToken(token);
  };
  const forged = (token: string): string => `${token.slice(0, -3)}AAA`;

  await send('POST', '/sign-in', {});
  await send('POST', '/sign-in', {});
  const [first, second] = issued as [SessionTokens, SessionTokens];
  for (const tokens of [first, second]) {
    await present(tokens.accessToken, second.refreshToken);
    await present(forged(tokens.accessToken), tokens.accessToken);
    await present(forged(tokens.refreshToken), tokens.accessToken);
    await present(tokens.refreshToken, tokens.accessToken);
    // Its successor is used, then it comes again: theft.
    for (const { refreshToken } of [issued.at(-1)!, tokens]) await withRefreshToken(refreshToken);
    await present(tokens.accessToken, tokens.accessToken);
  }
  await send('POST', '/sign-in', {});
  const third = issued.at(-1)!;
  await ask(redis, async (client) => {
    await client.config('SET', 'maxmemory', '1');
    await send('POST', '/sign-in', {});
    await present(third.accessToken, third.refreshToken);
    await client.config('SET', 'maxmemory', '0');
  });
  await redis.kill();
  await present(third.accessToken, third.refreshToken);
  await present(third.refreshToken, third.accessToken);
  await send('POST', '/sign-in', {});
  await until(() => log.some((line) => line.includes('is not available')));
  await redis.restart();
  await until(async () => (await app.get('/me', third.accessToken)).status === 401);
  await present(third.accessToken, third.refreshToken);
}
