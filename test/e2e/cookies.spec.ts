import { Body, Controller, Get, HttpCode, Module, Post, Req, Res } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  type AuthCookieOptions,
  clearAuthCookies,
  CurrentUser,
  type HttpRequest,
  type HttpResponse,
  JwtAuthGuard,
  OptionalAuth,
  Public,
  readRefreshCookie,
  RedisAuthModule,
  SessionService,
  setAuthCookies,
} from 'nestjs-redis-auth';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors/index.js';
import { fastest } from '../support/fastest.js';
import { testOptions } from '../support/sessions.js';
import { type Answer, PLATFORMS, run, type RunningApp } from './guarded-app.js';

const NAMED: AuthCookieOptions = { name: 'at', refreshName: 'rt', refreshPath: '/login' };

@Controller()
class CookieController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('sign-in')
  async signIn(@Body() { named }: { named?: boolean } = {}, @Res({ passthrough: true }) res: HttpResponse) {
    if ('raw' in res) res.header('set-cookie', 'theme=dark');
    else res.setHeader('set-cookie', ['theme=dark']);
    const tokens = await this.sessions.create('alice');
    setAuthCookies(res, tokens, named === true ? NAMED : undefined);
    return tokens;
  }

  @Public()
  @Post('sign-out')
  signOut(@Res({ passthrough: true }) res: HttpResponse) {
    clearAuthCookies(res);
    return {};
  }

  @Public()
  @Post('refresh')
  refresh(@Req() req: HttpRequest) {
    return { token: readRefreshCookie(req) };
  }

  @Get('me')
  me(@CurrentUser('userId') userId: string) {
    return { userId };
  }

  @Post('me')
  @HttpCode(200)
  change(@CurrentUser('userId') userId: string) {
    return { userId };
  }

  @OptionalAuth()
  @Post('optional')
  @HttpCode(200)
  optional(@CurrentUser('userId') userId: string | undefined) {
    return { userId: userId ?? null };
  }
}

describe.each(PLATFORMS)('cookies on %s', (platform) => {
  let app: RunningApp;

  beforeAll(async () => {
    @Module({
      imports: [RedisAuthModule.forRoot(testOptions({ redis: inject('redisUrl'), guard: { from: ['bearer', 'cookie'] } }))],
      controllers: [CookieController],
      providers: [{ provide: APP_GUARD, useClass: JwtAuthGuard }],
    })
    class AppModule {}
    app = await run(platform, AppModule);
  });

  afterAll(async () => {
    await app.nest.close();
  });

  const signIn = async (): Promise<string> => (await app.sessions.create('alice')).accessToken;
  const reasonOf = ({ status, body }: Answer): unknown => [status, body['reason'] ?? body['userId']];
  const SAME = { 'sec-fetch-site': 'same-origin' };

  it('sets both, as browsers must treat them, and keeps those set before', async () => {
    const { headers, body } = await app.send('POST', '/sign-in');
    const cookies = headers['set-cookie'] as string[];
    expect(cookies).toHaveLength(3);
    expect(cookies[0]).toBe('theme=dark');
    const [access, refresh] = cookies.slice(1).map((cookie) => cookie.split('; '));
    expect(access).toEqual([
      `__Host-access_token=${body['accessToken'] as string}`,
      expect.stringMatching(/^Max-Age=(89\d|900)$/),
      'Path=/',
      `Expires=${new Date(body['accessTokenExpiresAt'] as string).toUTCString()}`,
      'HttpOnly',
      'Secure',
      'SameSite=Lax',
    ]);
    expect(refresh).toEqual([
      `__Secure-refresh_token=${body['refreshToken'] as string}`,
      expect.stringMatching(/^Max-Age=6047\d\d|604800$/),
      'Path=/auth',
      expect.stringMatching(/^Expires=/),
      'HttpOnly',
      'Secure',
      'SameSite=Lax',
    ]);
    const lasts = Date.parse(refresh![3]!.slice('Expires='.length)) - Date.parse(body['refreshTokenExpiresAt'] as string);
    expect(Math.abs(lasts)).toBeLessThanOrEqual(1_000);
  });

  it('clears what it set: the same names, paths and attributes', async () => {
    const { headers } = await app.send('POST', '/sign-out');
    const past = 'Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax';
    expect(headers['set-cookie']).toEqual([
      `__Host-access_token=; Max-Age=0; Path=/; ${past}`,
      `__Secure-refresh_token=; Max-Age=0; Path=/auth; ${past}`,
    ]);
  });

  it('lets in by cookie, beside others, quoted or not', async () => {
    const token = await signIn();
    for (const cookie of [
      `__Host-access_token=${token}`,
      `theme=dark; __Host-access_token=${token}; x=y=z; bad; =; %E0%A4%A=1`,
      ` a=b;__Host-access_token="${token}"`,
      `__Host-access_token=${token}; __Host-access_token=${token}`,
    ]) {
      expect(reasonOf(await app.send('GET', '/me', { cookie }))).toEqual([200, 'alice']);
    }
  });

  it('reads only the __Host- cookie of the configured name', async () => {
    const token = await signIn();
    for (const name of [
      'access_token',
      '__Secure-access_token',
      '__host-access_token',
      '__Host-access_token2',
      '\u00a0__Host-access_token',
    ]) {
      expect(reasonOf(await app.send('GET', '/me', { cookie: `${name}=${token}` }))).toEqual([401, 'missing']);
    }
  });

  it('refuses two differing credentials, and takes the same one twice', async () => {
    const [one, other] = [await signIn(), await signIn()];
    const bearer = { authorization: `Bearer ${one}` };
    expect(reasonOf(await app.send('GET', '/me', { ...bearer, cookie: `__Host-access_token=${other}` }))).toEqual([401, 'malformed']);
    expect(reasonOf(await app.send('GET', '/me', { ...bearer, cookie: `__Host-access_token=${one}` }))).toEqual([200, 'alice']);
    const cookie = `__Host-access_token=${one}; __Host-access_token=${other}`;
    expect(reasonOf(await app.send('GET', '/me', { cookie }))).toEqual([401, 'malformed']);
    expect(reasonOf(await app.send('GET', '/me', { cookie: '__Host-access_token=' }))).toEqual([401, 'malformed']);
  });

  it('takes a header full of blanks in linear time', async () => {
    const refusal = async (cookie: string): Promise<void> =>
      expect(reasonOf(await app.send('GET', '/me', { cookie }))).toEqual([401, 'missing']);
    const harmless = await fastest(() => refusal(`a=${'b'.repeat(14_000)}`));
    const blank = await fastest(() => refusal(`a=b${' '.repeat(12_000)}c; d${' '.repeat(2_000)}`));
    expect(blank).toBeLessThan(harmless * 3 + 20);
  });

  it('lets unsafe methods in by cookie only from this site', async () => {
    const token = await signIn();
    const post = async (headers: Record<string, string>): Promise<unknown> =>
      reasonOf(await app.send('POST', '/me', { cookie: `__Host-access_token=${token}`, ...headers }));
    const own = `http://${app.authority}`;
    for (const headers of [SAME, { 'sec-fetch-site': 'same-site' }, { origin: own }, { ...SAME, origin: 'https://evil.example' }]) {
      expect(await post(headers as Record<string, string>)).toEqual([200, 'alice']);
    }
    for (const headers of [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'same-origin, cross-site' },
      { 'sec-fetch-site': 'cross-site', origin: own },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: '' },
      { origin: `${own}.evil.example` },
      { origin: `https://${app.authority}` },
      { origin: 'http://127.0.0.1:1' },
      { referer: own },
    ]) {
      expect(await post(headers as Record<string, string>)).toEqual([403, 'csrf']);
    }
    const { body } = await app.send('POST', '/me', { cookie: `__Host-access_token=${token}` });
    expect(body).toEqual({ statusCode: 403, message: expect.any(String) as string, error: 'Forbidden', reason: 'csrf' });
  });

  it('asks nothing of bearer tokens, safe methods and anonymous requests', async () => {
    const token = await signIn();
    const cookie = `__Host-access_token=${token}`;
    expect(reasonOf(await app.send('POST', '/me', { authorization: `Bearer ${token}` }))).toEqual([200, 'alice']);
    expect(reasonOf(await app.send('POST', '/me', { authorization: `Bearer ${token}`, cookie }))).toEqual([200, 'alice']);
    expect(reasonOf(await app.send('GET', '/me', { cookie, 'sec-fetch-site': 'cross-site' }))).toEqual([200, 'alice']);
    expect(reasonOf(await app.send('POST', '/optional', { 'sec-fetch-site': 'cross-site' }))).toEqual([200, null]);
    expect(reasonOf(await app.send('POST', '/optional', { cookie, 'sec-fetch-site': 'cross-site' }))).toEqual([403, 'csrf']);
    expect(reasonOf(await app.send('POST', '/me', { 'sec-fetch-site': 'cross-site' }))).toEqual([401, 'missing']);
  });

  it('readRefreshCookie: the token, null, or a refusal', async () => {
    const refresh = (headers: Record<string, string>) => app.send('POST', '/refresh', headers);
    expect((await refresh(SAME)).body).toEqual({ token: null });
    expect((await refresh({ ...SAME, cookie: 'x=y; __Secure-refresh_token=k.s.x.1.m' })).body).toEqual({ token: 'k.s.x.1.m' });
    expect(reasonOf(await refresh({ cookie: '__Secure-refresh_token=a' }))).toEqual([403, 'csrf']);
    const two = { ...SAME, cookie: '__Secure-refresh_token=a; __Secure-refresh_token=b' };
    expect(reasonOf(await refresh(two))).toEqual([401, 'malformed']);
  });
});

describe('names and path of the cookies', () => {
  const response = { raw: {}, header: () => undefined } as unknown as HttpResponse;

  it.each([
    { name: '' },
    { name: 'a b' },
    { name: 'a;b' },
    { name: 'a=b' },
    { name: 'ä' },
    { name: '__Host-access_token' },
    { name: 'x'.repeat(129) },
    { refreshName: '__Secure-refresh_token' },
    { refreshName: 'a\r\nSet-Cookie: b' },
    { refreshPath: '' },
    { refreshPath: 'auth' },
    { refreshPath: '/auth; Domain=evil.example' },
    { refreshPath: '/auth\r\n' },
    { refreshPath: 1 as unknown as string },
  ])('refuses %o', (options: AuthCookieOptions) => {
    expect(() => clearAuthCookies(response, options)).toThrow(InvalidArgumentError);
  });

  it('takes others', () => {
    const cookies: string[] = [];
    const recorder = { raw: {}, header: (_: string, cookie: string) => cookies.push(cookie) } as unknown as HttpResponse;
    const expires = new Date(Date.now() + 60_000);
    setAuthCookies(recorder, { accessToken: 'a', accessTokenExpiresAt: expires, refreshToken: 'r', refreshTokenExpiresAt: expires }, NAMED);
    expect(cookies[0]).toMatch(/^__Host-at=a; Max-Age=(5\d|60); Path=\/;/);
    expect(cookies[1]).toMatch(/^__Secure-rt=r; Max-Age=(5\d|60); Path=\/login;/);
  });
});
