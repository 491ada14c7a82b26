import type { OnApplicationBootstrap, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { operations } from '../diagnostics/index.js';
import { InvalidArgumentError, InvalidTokenError, StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { ResolvedOptions, VerifiedSession } from '../options/index.js';
import { type SessionService, tellRecall } from '../sessions/index.js';
import { crossSiteRequest } from './auth-http-exception.js';
import type { Carrier } from './carrier.js';
import { type Credential, findCredential, plainBearer } from './credentials.js';
import { type Identity, keepIdentity } from './identity.js';
import { JwtAuthStrategy } from './jwt-auth.strategy.js';
import { isFromThisSite, isHandshakeFromThisSite } from './same-site.js';
import { noteUpgradeRequests } from './upgrade-requests.js';
import { WatchedStreams } from './watched-streams.js';

/** A sender, and what it proved itself with. */
export interface Authentication extends Identity {
  readonly token: string;
}

/** From a request to its session and user: what the guard and the passport strategy of one registration share. */
export class RequestAuthenticator implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly strategy: JwtAuthStrategy;
  private readonly streams: WatchedStreams;
  private readonly bearerAlone: boolean;
  /** Who is known needs nothing that an application would have to be waited for. */
  private readonly knowsAtOnce: boolean;
  private forgetUpgrades = (): void => undefined;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly sessions: SessionService,
    private readonly http: HttpAdapterHost | undefined,
  ) {
    const { from, touch, userLoader } = options.guard;
    this.bearerAlone = from.length === 1 && from[0] === 'bearer';
    this.knowsAtOnce = !touch && userLoader === undefined;
    this.streams = new WatchedStreams(sessions);
    this.strategy = new JwtAuthStrategy(options.instance, async (request) => {
      const carrier: Carrier = { request, place: request };
      const identity = await this.authenticate(carrier, false);
      if (identity !== null) keepIdentity(carrier.place, identity, false);
      return identity;
    });
  }

  /** Under which passport knows the strategy of this registration. */
  get strategyName(): string {
    return this.strategy.name;
  }

  onModuleInit(): void {
    this.strategy.register();
  }

  /** Gateways and subscriptions listen on the server by now. */
  onApplicationBootstrap(): void {
    this.forgetUpgrades = noteUpgradeRequests(this.http?.httpAdapter?.getHttpServer());
  }

  onApplicationShutdown(): void {
    this.strategy.unregister();
    this.forgetUpgrades();
  }

  /** What {@link authenticate} would say, where that is known without asking anybody; else undefined. Never throws. */
  recall(carrier: Carrier, data: boolean): Authentication | undefined {
    if (!this.knowsAtOnce) return undefined;
    const token = this.isPlain(carrier) ? plainBearer(carrier.request) : this.admissibleToken(carrier);
    if (token === undefined) return undefined;
    const since = operations.hasSubscribers ? performance.now() : 0;
    const session = data ? this.sessions.recallWithData(token) : this.sessions.recall(token);
    if (session === undefined) return undefined;
    if (since > 0) tellRecall(this.sessions.observer, since, session);
    return { session, user: session, token };
  }

  /**
   * One round trip to Redis (none with `revocation: 'off'`, or where this instance can tell by itself), one more
   * where a touch is due. Null where the request carries no credential.
   *
   * @throws InvalidTokenError | StoreUnavailableError | AuthHttpException (csrf)
   */
  async authenticate(carrier: Carrier, data: boolean): Promise<Authentication | null> {
    const { guard } = this.options;
    const credential = findCredential(carrier, guard);
    if (credential === null) return null;
    assertFromThisSite(credential, carrier);

    const session = await this.verify(credential.token, data);
    if (guard.touch) await this.touch(session.sessionId);
    const user = guard.userLoader === undefined ? session : await guard.userLoader(session);
    if (user === null || user === undefined) throw new InvalidTokenError('invalid');
    return { session, user, token: credential.token };
  }

  /** Notes who was let in, and ends with the session what stays open. */
  admit({ place, stream }: Carrier, authentication: Authentication, data: boolean): void {
    keepIdentity(place, authentication, data);
    place.user = authentication.user;
    if (stream !== undefined) this.streams.watch(stream, authentication.token);
  }

  /** Nothing but headers to look for a bearer token in. */
  private isPlain(carrier: Carrier): boolean {
    return this.bearerAlone && carrier.authorization === undefined && carrier.tokens === undefined;
  }

  private admissibleToken(carrier: Carrier): string | undefined {
    try {
      const credential = findCredential(carrier, this.options.guard);
      if (credential !== null) assertFromThisSite(credential, carrier);
      return credential?.token;
    } catch {
      // Said once, by authenticate().
      return undefined;
    }
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

function assertFromThisSite({ byCookieOnly }: Credential, { request, handshake }: Carrier): void {
  if (!byCookieOnly) return;
  if (!(handshake === true ? isHandshakeFromThisSite(request) : isFromThisSite(request))) throw crossSiteRequest();
}
