import { Controller, Delete, Get, HttpCode, type MessageEvent, NotFoundException, Param, Post, Sse } from '@nestjs/common';
import { CurrentSession, RequireFresh, type SessionEventType, SessionService, type VerifiedSession } from 'nestjs-redis-auth';
import { filter, map, type Observable, takeUntil, takeWhile, timer } from 'rxjs';

const ENDED: ReadonlySet<SessionEventType> = new Set(['revoked', 'evicted', 'expired', 'reuse-detected']);

/** What a user sees and does about the own sessions. */
@Controller()
export class SessionsController {
  constructor(private readonly sessions: SessionService) {}

  @Get('me')
  me(@CurrentSession() { userId, claims, scopes, sessionId, ttl }: VerifiedSession) {
    return { userId, name: claims.name, scopes, sessionId, ttl };
  }

  @Get('sessions')
  async list(@CurrentSession() { userId, sessionId }: VerifiedSession) {
    const sessions = await this.sessions.list(userId);
    return sessions.map((session) => ({
      sessionId: session.sessionId,
      current: session.sessionId === sessionId,
      device: session.device,
      createdAt: session.createdAt,
      lastSeenAt: session.lastSeenAt,
      expiresAt: session.expiresAt,
    }));
  }

  /** Log out there. Someone else's session is as unknown here as one that never was. */
  @Delete('sessions/:id')
  @HttpCode(204)
  async end(@Param('id') id: string, @CurrentSession() { userId }: VerifiedSession): Promise<void> {
    const session = await this.sessions.get(id);
    const ended = session?.userId === userId && (await this.sessions.revoke(id, 'ended from another device'));
    if (!ended) throw new NotFoundException('you have no such session');
  }

  /** Log out everywhere but here. */
  @Post('sessions/revoke-others')
  @HttpCode(200)
  async endOthers(@CurrentSession() { userId, sessionId }: VerifiedSession) {
    return { ended: await this.sessions.revokeAll(userId, { except: sessionId }) };
  }

  /** What happens to the user's sessions, on whichever instance, as it happens. */
  @Sse('sessions/events')
  events(@CurrentSession() { userId, sessionId: own, ttl }: VerifiedSession): Observable<MessageEvent> {
    return this.sessions.events.pipe(
      filter((event) => event.userId === userId),
      // Whoever is logged out hears of that, and of nothing after it.
      takeWhile(({ type, sessionId }) => sessionId !== own || !ENDED.has(type), true),
      map(({ type, sessionId }) => ({ data: { type, sessionId } })),
      // A stream lives no longer than the token that opened it; the browser opens the next one with the next token.
      takeUntil(timer(ttl * 1000)),
    );
  }

  /** Something that wants more than a session: the password within the last five minutes. */
  @RequireFresh('5m')
  @Get('recovery-codes')
  recoveryCodes() {
    return { codes: ['correct-horse', 'battery-staple'] };
  }
}
