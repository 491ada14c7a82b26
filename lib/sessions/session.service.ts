import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { assertObject, checkDataPatch, dataOf } from '../data/index.js';
import { InvalidArgumentError, InvalidTokenError, SessionLimitError } from '../errors/index.js';
import { AccessTokenSigner, AccessTokenVerifier, namespaceOf } from '../jwt/index.js';
import type { ResolvedOptions, ResolvedSessionOptions, VerifiedSession } from '../options/index.js';
import { encodeIdentity, KeySpace, type RedisAuthConnection, restOf, sessionBelongsTo, slotTag } from '../redis/index.js';
import { ExpiryNotices } from './expiry-notices.js';
import { PresentedTokens } from './presented-tokens.js';
import { refreshTokenKeys } from './refresh-token-keys.js';
import { hashSecret, RefreshTokenCodec } from './refresh-token.js';
import { ScriptCalls } from './script-calls.js';
import {
  assertString,
  checkClaims,
  checkIdentity,
  checkInit,
  checkReason,
  checkSessionId,
  checkTenant,
  checkVersion,
  wantsData,
} from './session-arguments.js';
import { SessionEvents } from './session-events.js';
import { endedBy, grantOf, refusalOf, sessionInfoOf, updatedOf } from './session-replies.js';
import { SessionStore } from './session-store.js';
import type { SessionEvent, SessionInfo, SessionInit, SessionTokens } from './session-types.js';
import { TokenIssuer } from './token-issuer.js';
import { TouchThrottle } from './touch-throttle.js';

/**
 * Sign-in, verification, refresh and log-out of sessions kept in Redis.
 *
 * Each method is one Lua script and one round trip, atomic, on the server's clock. With a tenant a second command reads
 * the tenant's epoch beside it (at sign-in before it: two round trips). Every method rejects with InvalidArgumentError
 * before any command if an argument is not what it must be, and with StoreUnavailableError (within `commandTimeout`)
 * if Redis cannot be asked; repeating a call is always safe.
 */
@Injectable()
export class SessionService {
  /**
   * What happened to sessions, on every instance: at most once each, and lost while the link to Redis is down.
   * `expired` is told when somebody notices, by any call about the session but verify; at once with `keyspaceNotifications`.
   */
  readonly events: Observable<SessionEvent>;

  /** @internal */
  readonly presented: PresentedTokens;

  private readonly options: ResolvedSessionOptions;
  private readonly store: SessionStore;
  private readonly feed: SessionEvents;
  private readonly notices: ExpiryNotices | undefined;
  private readonly verifier: AccessTokenVerifier;
  private readonly codec: RefreshTokenCodec;
  private readonly issuer: TokenIssuer;
  private readonly throttle: TouchThrottle;

  /** @internal */
  constructor(connection: RedisAuthConnection, { jwt, sessions, keyPrefix }: ResolvedOptions) {
    const namespace = namespaceOf(keyPrefix);
    const keys = new KeySpace(keyPrefix);
    this.options = sessions;
    this.verifier = new AccessTokenVerifier(jwt, namespace);
    this.codec = new RefreshTokenCodec(refreshTokenKeys(jwt, sessions, namespace));
    this.issuer = new TokenIssuer(new AccessTokenSigner(jwt, namespace), this.codec, sessions);
    this.throttle = new TouchThrottle(sessions.touchIntervalMs);
    this.feed = new SessionEvents(connection, keys);
    this.events = this.feed.stream;
    const calls = new ScriptCalls(connection, keys, this.feed);
    this.store = new SessionStore(calls, keys, sessions, 2 * jwt.clockToleranceMs);
    this.presented = new PresentedTokens(jwt.issuer, this.verifier, this.codec, this.store, calls, keys, sessions.revocation);
    this.notices = sessions.keyspaceNotifications ? new ExpiryNotices(connection, keys, (id) => this.store.get(id, false)) : undefined;
  }

  /** @internal */
  open(): void {
    this.feed.open();
    this.notices?.open();
  }

  /** @internal */
  close(): void {
    this.feed.close();
  }

  /**
   * Signs a user in. Session, limit and index are one atomic step: of any number of sign-ins at once, exactly
   * `sessions.limit` stay. A `requestId` makes a repeat within 60 s get the same session and refresh token.
   *
   * @throws SessionLimitError with the policy `reject`
   * @throws StoreFullError when Redis is out of memory; nothing is half-written
   * @throws RedisAuthConfigError in a module that only verifies
   */
  async create(userId: string, init: SessionInit = {}): Promise<SessionTokens> {
    const identity = checkIdentity(userId, init?.tenant);
    const checked = checkInit(init, this.options);
    const chain = this.issuer.signIn(identity, checked.requestId);
    this.issuer.assertFits(identity, chain.sessionId, checked);
    const reply = await this.store.create(identity, chain, checked, chain.repeat);
    switch (reply.status) {
      case 'limit':
        throw new SessionLimitError(this.options.limit!.max);
      case 'repeat':
        return this.issuer.reissue(identity, checked, reply.answer, reply.grant);
      default:
        return this.issuer.first(identity, chain, checked, reply.expiresMs);
    }
  }

  /**
   * Verifies an access token: signature and claims, then that its session is live. With `revocation: 'off'` Redis
   * is asked only for `data`. Never resolves to a falsy value.
   *
   * @throws InvalidTokenError `malformed`, `invalid`, `expired`, `revoked` or `evicted`
   */
  async verify(accessToken: string, opts: { data?: boolean } = {}): Promise<VerifiedSession> {
    const withData = wantsData(opts);
    const session = this.verifier.verify(accessToken);
    if (this.options.revocation === 'off' && !withData) return session;
    const reply = await this.store.verify(session.sessionId, session, withData);
    if (typeof reply === 'string') throw new InvalidTokenError(endedBy(reply));
    if (withData) session.data = dataOf(reply);
    return session;
  }

  /**
   * Rotates a refresh token. All callers with the same token at once, and a retry after a lost reply, get the same
   * successor; the previous token is honoured within `refreshLeeway` while its successor is unused. Any other
   * genuine token of the chain is reuse: the session ends and `reuse-detected` is told (RFC 9700 §4.14.2).
   * A forged token costs no command. `claims` replace the session's for good.
   *
   * @throws InvalidTokenError `malformed`, `invalid`, `expired`, `revoked`, `evicted` or `reused`
   */
  async refresh(refreshToken: string, opts: { claims?: Record<string, unknown> } = {}): Promise<SessionTokens> {
    assertString('refreshToken', refreshToken);
    assertObject('opts', opts);
    const claimsJson = opts.claims === undefined ? '' : checkClaims('opts.claims', opts.claims, this.options.maxClaimsBytes).json;
    const { kid, room } = this.issuer;
    const { sessionId, secret, generation } = this.codec.open(refreshToken);
    const reply = await this.store.refresh(sessionId, { hash: hashSecret(secret), generation }, kid, claimsJson, room);
    if (reply === 'large') throw new InvalidArgumentError('opts.claims', 'make the access token too large; keep what is large in data');
    if (typeof reply === 'string') throw new InvalidTokenError(refusalOf(reply));
    return this.issuer.issue(sessionId, secret, grantOf(reply));
  }

  /** A live session, or null. Does not extend it. */
  async get(sessionId: string, opts: { data?: boolean } = {}): Promise<SessionInfo | null> {
    const withData = wantsData(opts);
    if (!checkSessionId('sessionId', sessionId)) return null;
    const reply = await this.store.get(sessionId, withData);
    return reply && sessionInfoOf(sessionId, reply, withData);
  }

  /** The live sessions of a user (within its tenant), earliest sign-in first. Costs the same whatever else Redis holds. */
  async list(userId: string, opts: { data?: boolean; tenant?: string } = {}): Promise<SessionInfo[]> {
    const withData = wantsData(opts);
    const identity = checkIdentity(userId, opts.tenant);
    const tag = slotTag(encodeIdentity(identity));
    const replies = await this.store.list(identity, withData);
    return replies.map((reply) => sessionInfoOf(tag + reply[0], reply, withData));
  }

  /** How many live sessions a user has (within its tenant). */
  async count(userId: string, opts: { tenant?: string } = {}): Promise<number> {
    assertObject('opts', opts);
    return this.store.count(checkIdentity(userId, opts.tenant));
  }

  /**
   * Merges private data: null deletes a field, undefined is ignored, others are set; updates of different fields at
   * once all land. Null if the session is not live; a session that ended is never revived.
   *
   * @throws SessionConflictError if `ifVersion` is not the current version
   */
  async update(sessionId: string, data: Record<string, unknown>, opts: { ifVersion?: number } = {}): Promise<SessionInfo | null> {
    assertObject('opts', opts);
    const patch = checkDataPatch(data, this.options.maxDataBytes);
    const ifVersion = checkVersion(opts.ifVersion);
    if (!checkSessionId('sessionId', sessionId)) return null;
    const reply = await this.store.update(sessionId, patch, ifVersion);
    return reply && updatedOf(sessionId, reply, ifVersion);
  }

  /** Moves the idle timeout. At most one write per session and `touchInterval` from this instance; a throttled touch resolves true and proves nothing. */
  async touch(sessionId: string): Promise<boolean> {
    if (!checkSessionId('sessionId', sessionId)) return false;
    if (!this.throttle.take(sessionId)) return true;
    try {
      const live = await this.store.touch(sessionId);
      if (!live) this.throttle.release(sessionId);
      return live;
    } catch (error) {
      this.throttle.release(sessionId);
      throw error;
    }
  }

  /**
   * A new id and refresh chain for the same session, against fixation; the old id ends. Null if it is not live, so also
   * for a repeat after a lost reply: then sign in again.
   */
  async regenerate(sessionId: string): Promise<SessionTokens | null> {
    if (!checkSessionId('sessionId', sessionId)) return null;
    const chain = this.issuer.replace(sessionId);
    const reply = await this.store.regenerate(sessionId, chain);
    return reply && this.issuer.issue(chain.sessionId, chain.secret, grantOf(reply));
  }

  /** The user has proved who they are again: authTime is now, with a new refresh chain. Null if the session is not live. */
  async reauthenticated(sessionId: string): Promise<SessionTokens | null> {
    if (!checkSessionId('sessionId', sessionId)) return null;
    const chain = this.issuer.renew(sessionId);
    const reply = await this.store.reauthenticate(chain);
    return reply && this.issuer.issue(sessionId, chain.secret, grantOf(reply));
  }

  /** Ends one session; false if it was not live. The reason is told in the event. */
  async revoke(sessionId: string, reason?: string): Promise<boolean> {
    const told = checkReason(reason);
    if (!checkSessionId('sessionId', sessionId)) return false;
    return this.store.end('sessions.revoke', sessionId, 'r', told);
  }

  /** Ends the session of an access or refresh token, even an expired or an older one; false for one that is forged, malformed or ended. */
  async logout(token: string): Promise<boolean> {
    assertString('token', token);
    return this.presented.logOut(token);
  }

  /** Ends every session of a user (within its tenant) in one step, but `except` if that is a live one of them; how many were ended. */
  async revokeAll(userId: string, opts: { except?: string; tenant?: string } = {}): Promise<number> {
    assertObject('opts', opts);
    const identity = checkIdentity(userId, opts.tenant);
    const { except } = opts;
    const spares =
      except !== undefined && checkSessionId('opts.except', except) && sessionBelongsTo(except, identity.userId, identity.tenant);
    return this.store.endAll(identity, spares ? restOf(except) : '', 'revoke-all');
  }

  /** Ends every session of a tenant, whoever's, by raising the tenant's epoch: one command however many there are. No event is told for each; what they hold goes when they expire. */
  async revokeTenant(tenant: string): Promise<void> {
    await this.store.revokeTenant(checkTenant(tenant));
  }
}
