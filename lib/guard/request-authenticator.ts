import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { InvalidArgumentError, InvalidTokenError, StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { ResolvedOptions, VerifiedSession } from '../options/index.js';
import type { SessionService } from '../sessions/index.js';
import { crossSiteRequest } from './auth-http-exception.js';
import { findCredential } from './credentials.js';
import type { HttpRequest } from './http-request.js';
import { JwtAuthStrategy } from './jwt-auth.strategy.js';
import { isFromThisSite } from './same-site.js';

/** Who sent a request. */
export interface Authentication {
  readonly session: VerifiedSession;
  /** The session, or what `guard.userLoader` made of it. */
  readonly user: unknown;
}

const sessionsOfRequests = new WeakMap<object, VerifiedSession>();

/** The session that a request was authenticated with. */
export function sessionOf(request: object): VerifiedSession | undefined {
  return sessionsOfRequests.get(request);
}

/** From a request to its session and user: what the guard and the passport strategy of one registration share. */
export class RequestAuthenticator implements OnModuleInit, OnApplicationShutdown {
  private readonly strategy: JwtAuthStrategy;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly sessions: SessionService,
  ) {
    this.strategy = new JwtAuthStrategy(options.instance, (request) => this.authenticate(request));
  }

  /** Under which passport knows the strategy of this registration. */
  get strategyName(): string {
    return this.strategy.name;
  }

  onModuleInit(): void {
    this.strategy.register();
  }

  onApplicationShutdown(): void {
    this.strategy.unregister();
  }

  /**
   * One round trip to Redis (none with `revocation: 'off'`), one more where a touch is due. Null where the
   * request carries no credential.
   *
   * @throws InvalidTokenError | StoreUnavailableError | AuthHttpException (csrf)
   */
  async authenticate(request: HttpRequest, needs: { data?: boolean } = {}): Promise<Authentication | null> {
    const { guard } = this.options;
    const credential = findCredential(request, guard);
    if (credential === null) return null;
    if (credential.byCookieOnly && !isFromThisSite(request)) throw crossSiteRequest();

    const session = await this.verify(credential.token, needs.data === true);
    if (guard.touch) await this.touch(session.sessionId);
    const user = guard.userLoader === undefined ? session : await guard.userLoader(session);
    if (user === null || user === undefined) throw new InvalidTokenError('invalid');
    sessionsOfRequests.set(request, session);
    return { session, user };
  }

  private async verify(token: string, data: boolean): Promise<VerifiedSession> {
    try {
      return await this.sessions.verify(token, { data });
    } catch (error) {
      // A token is the client's, not an argument of the application's.
      throw error instanceof InvalidArgumentError ? new InvalidTokenError('malformed') : error;
    }
  }

  /** The request is authentic whether or not its time can be noted. */
  private async touch(sessionId: string): Promise<void> {
    try {
      await this.sessions.touch(sessionId);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError || error instanceof StoreFullError)) throw error;
    }
  }
}
