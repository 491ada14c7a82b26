import { Body, Controller, HttpCode, Post, Req, Res, UnauthorizedException } from '@nestjs/common';
import type { Request, Response } from 'express';
import {
  clearAuthCookies,
  CurrentSession,
  Public,
  readRefreshCookie,
  SessionService,
  setAuthCookies,
  type SessionTokens,
  type VerifiedSession,
} from 'nestjs-redis-auth';
import { type User, UsersService } from '../users/users.service.js';
import { flag, optionalText, text } from './body.js';
import { deviceOf } from './device.js';

/** What a role may do, and for how long without signing in again. */
const ROLES = {
  member: { scopes: [] },
  admin: { scopes: ['sessions:admin', 'server:read'], idleTimeout: '1h', absoluteTimeout: '8h' },
};

/**
 * Signing in and out. Each route takes and gives tokens as JSON (curl, a mobile app) or as cookies (the page, which
 * asks for them with `"cookies": true` and never sees a token).
 */
@Controller('auth')
export class AuthController {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionService,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  async login(@Body() body: unknown, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const user = await this.authenticate(text(body, 'username'), text(body, 'password'));
    const { scopes, ...times } = ROLES[user.role];
    const tokens = await this.sessions.create(user.id, {
      claims: { name: user.name },
      scopes,
      device: deviceOf(request, optionalText(body, 'device')),
      ...times,
    });
    return deliver(tokens, flag(body, 'cookies'), response);
  }

  @Public()
  @Post('refresh')
  @HttpCode(200)
  async refresh(@Body() body: unknown, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const sent = optionalText(body, 'refreshToken');
    const presented = sent ?? readRefreshCookie(request);
    if (!presented) throw new UnauthorizedException('there is no refresh token, in the body or as a cookie');
    return deliver(await this.sessions.refresh(presented), sent === undefined, response);
  }

  /** Public, because an expired access token must not keep anyone from logging out: any genuine token will do. */
  @Public()
  @Post('logout')
  @HttpCode(200)
  async logout(@Body() body: unknown, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const presented = optionalText(body, 'refreshToken') ?? readRefreshCookie(request) ?? bearerToken(request);
    const loggedOut = presented ? await this.sessions.logout(presented) : false;
    // Only now: while Redis cannot be asked, the cookie is what a second try needs.
    clearAuthCookies(response);
    return { loggedOut };
  }

  /** The password once more: the way to what `@RequireFresh()` protects. The session stays, its tokens are new. */
  @Post('reauthenticate')
  @HttpCode(200)
  async reauthenticate(@Body() body: unknown, @CurrentSession() session: VerifiedSession, @Res({ passthrough: true }) response: Response) {
    const username = this.users.find(session.userId)?.username ?? '';
    await this.authenticate(username, text(body, 'password'));
    const tokens = await this.sessions.reauthenticated(session.sessionId);
    if (!tokens) throw new UnauthorizedException('the session has ended meanwhile');
    return deliver(tokens, flag(body, 'cookies'), response);
  }

  private async authenticate(username: string, password: string): Promise<User> {
    const user = await this.users.authenticate(username, password);
    if (!user) throw new UnauthorizedException('wrong user name or password');
    return user;
  }
}

/** Tokens in the answer, or in HttpOnly cookies and nothing secret in the answer. */
function deliver(tokens: SessionTokens, asCookies: boolean, response: Response) {
  if (!asCookies) return tokens;
  setAuthCookies(response, tokens);
  const { sessionId, expiresIn } = tokens;
  return { sessionId, expiresIn };
}

function bearerToken(request: Request): string | undefined {
  return /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}
