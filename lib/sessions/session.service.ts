import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { assertObject, checkDataPatch } from '../data/index.js';
import { type Observer, Traced } from '../diagnostics/index.js';
import { InvalidArgumentError, InvalidTokenError, type InvalidTokenReason, SessionLimitError } from '../errors/index.js';
import type { ResolvedOptions, ResolvedSessionOptions, VerifiedSession } from '../options/index.js';
import { encodeIdentity, type RedisAuthConnection, slotTag } from '../redis/index.js';
import { assemble, type SessionParts } from './assemble.js';
import { idsOf, OPERATIONS, tellReuse } from './operations.js';
import { type PresentedTokens, refusedAs } from './presented-tokens.js';
import { hashSecret } from './refresh-token.js';
import {
  assertString,
  checkClaims,
  checkIdentity,
  checkInit,
  checkReason,
  checkSessionId,
  checkSpared,
  checkTenant,
  checkVersion,
  wantsData,
} from './session-arguments.js';
import { grantOf, refusalOf, sessionInfoOf, updatedOf } from './session-replies.js';
import type { SessionEvent, SessionInfo, SessionInit, SessionTokens } from './session-types.js';
import type { Standing } from './standing.js';

/**
 * Sign-in, verification, refresh and log-out of sessions kept in Redis.
 *
 * Each method is one Lua script and one round trip, atomic, on the server's clock. With a tenant a second command reads
 * the tenant's epoch beside it (at sign-in before it: two round trips). Every method rejects with InvalidArgumentError
 * before any command if an argument is not what it must be, and with StoreUnavailableError (within `commandTimeout`)
 * if Redis cannot be asked; repeating a call is always safe.
 */
@Injectable()
@Traced<SessionService>('sessions', OPERATIONS, idsOf)
export class SessionService {
  /**
   * What happened to sessions, on every instance: at most once each, and lost while the link to Redis is down.
   * `expired` is told when somebody notices, by any call about the session but verify; at once with `keyspaceNotifications`.
   */
  readonly events: Observable<SessionEvent>;

  private readonly parts: SessionParts;
  private readonly options: ResolvedSessionOptions;

  /** @internal */
  constructor(connection: RedisAuthConnection, options: ResolvedOptions) {
    this.parts = assemble(connection, options);
    this.options = options.sessions;
    this.events = this.parts.events.stream;
  }

  /** @internal */
  get observer(): Observer {
    return this.parts.observer;
  }

  /** Of a token of either kind, for log-out, introspection and revocation. @internal */
  get presented(): PresentedTokens {
    return this.parts.presented;
  }

  /** How verification stands, for whoever tells of it. @internal */
  get standing(): Standing {
    return this.parts.standing;
  }

  /** Begins to listen; settles when what was revoked of late is known, or cannot be for now. @internal */
  open(): Promise<void> {
    return this.parts.life.open();
  }

  /** @internal */
  close(): void {
    this.parts.life.close();
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
    const chain = this.parts.issuer.signIn(identity, checked.requestId);
    this.parts.issuer.assertFits(identity, chain.sessionId, checked);
    const reply = await this.parts.store.create(identity, chain, checked, chain.repeat);
    if (reply.status === 'limit') throw new SessionLimitError(this.options.limit!.max);
    if (reply.status === 'repeat') return this.parts.issuer.reissue(identity, checked, reply.answer, reply.grant);
    return this.parts.issuer.first(identity, chain, checked, reply.expiresMs, reply.origin);
  }

  /**
   * Verifies an access token: signature and claims, then that its session is live. Never resolves to a falsy value; each
   * call resolves to an object of its own.
   *
   * With `revocation: 'local'` that is known here, without a command: revocations reach every instance in milliseconds, at
   * worst within `maxStaleness`. Redis is asked (one round trip) where that is not certain: when the feed is older, for a
   * token from before its beginning, and for `data` that has changed; `'remote'` asks each time, `'off'` only for `data`.
   *
   * @throws InvalidTokenError `malformed`, `invalid`, `expired`, `revoked` or `evicted`
   * @throws StoreUnavailableError where Redis would have to be asked and does not answer, unless `onStoreUnavailable` lets it serve
   */
  async verify(accessToken: string, opts: { data?: boolean } = {}): Promise<VerifiedSession> {
    const withData = wantsData(opts);
    const known = withData ? this.parts.checks.recallWithData(accessToken) : this.parts.checks.verifyHere(accessToken);
    return known ?? this.parts.checks.verify(accessToken, withData);
  }

  /** As `verify`, at once, of a token seen before; undefined where that does not suffice. @internal */
  recall(accessToken: string): VerifiedSession | undefined {
    return this.parts.checks.recall(accessToken);
  }

  /** The same with private data. @internal */
  recallWithData(accessToken: string): VerifiedSession | undefined {
    return this.parts.checks.recallWithData(accessToken);
  }

  /** For what outlives its request: `end` is called once when the token expires or its session ends. Returns how to let go. @internal */
  watch(accessToken: string, end: (reason: InvalidTokenReason) => void): () => void {
    return this.parts.life.streams.add(this.parts.checks.genuine(accessToken), end);
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
    const { kid, room } = this.parts.issuer;
    const { sessionId, secret, generation } = this.parts.codec.open(refreshToken);
    const reply = await this.parts.store.refresh(sessionId, { hash: hashSecret(secret), generation }, kid, claimsJson, room);
    if (reply === 'large') throw new InvalidArgumentError('opts.claims', 'make the access token too large; keep what is large in data');
    if (reply === 'reused') tellReuse(this.observer, sessionId);
    if (typeof reply === 'string') throw new InvalidTokenError(refusalOf(reply));
    return this.parts.issuer.issue(sessionId, secret, grantOf(reply));
  }

  /** A live session, or null. Does not extend it. */
  async get(sessionId: string, opts: { data?: boolean } = {}): Promise<SessionInfo | null> {
    const withData = wantsData(opts);
    if (!checkSessionId('sessionId', sessionId)) return null;
    const reply = await this.parts.store.get(sessionId, withData);
    return reply && sessionInfoOf(sessionId, reply, withData);
  }

  /** The live sessions of a user (within its tenant), earliest sign-in first. Costs the same whatever else Redis holds. */
  async list(userId: string, opts: { data?: boolean; tenant?: string } = {}): Promise<SessionInfo[]> {
    const withData = wantsData(opts);
    const identity = checkIdentity(userId, opts.tenant);
    const tag = slotTag(encodeIdentity(identity));
    const replies = await this.parts.store.list(identity, withData);
    return replies.map((reply) => sessionInfoOf(tag + reply[0], reply, withData));
  }

  /** How many live sessions a user has (within its tenant). */
  async count(userId: string, opts: { tenant?: string } = {}): Promise<number> {
    assertObject('opts', opts);
    return this.parts.store.count(checkIdentity(userId, opts.tenant));
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
    const reply = await this.parts.store.update(sessionId, patch, ifVersion);
    return reply && updatedOf(sessionId, reply, ifVersion);
  }

  /** Moves the idle timeout. At most one write per session and `touchInterval` from this instance; a throttled touch resolves true and proves nothing. */
  async touch(sessionId: string): Promise<boolean> {
    if (!checkSessionId('sessionId', sessionId)) return false;
    return this.parts.throttle.touch(sessionId, () => this.parts.store.touch(sessionId));
  }

  /**
   * A new id and refresh chain for the same session, against fixation; the old id ends. Null if it is not live, so also
   * for a repeat after a lost reply: then sign in again.
   */
  async regenerate(sessionId: string): Promise<SessionTokens | null> {
    if (!checkSessionId('sessionId', sessionId)) return null;
    const chain = this.parts.issuer.replace(sessionId);
    const reply = await this.parts.store.regenerate(sessionId, chain);
    return reply && this.parts.issuer.issue(chain.sessionId, chain.secret, grantOf(reply));
  }

  /** The user has proved who they are again: authTime is now, with a new refresh chain. Null if the session is not live. */
  async reauthenticated(sessionId: string): Promise<SessionTokens | null> {
    if (!checkSessionId('sessionId', sessionId)) return null;
    const chain = this.parts.issuer.renew(sessionId);
    const reply = await this.parts.store.reauthenticate(chain);
    return reply && this.parts.issuer.issue(sessionId, chain.secret, grantOf(reply));
  }

  /** Ends one session; false if it was not live. The reason is told in the event. */
  async revoke(sessionId: string, reason?: string): Promise<boolean> {
    const told = checkReason(reason);
    if (!checkSessionId('sessionId', sessionId)) return false;
    return this.parts.endings.end('sessions.revoke', sessionId, 'r', told);
  }

  /**
   * Ends one access token, by its `jti` and so whatever its spelling; its session and its other tokens go on. False if it
   * is not genuine, has expired or was ended before. Two round trips.
   *
   * @throws InvalidArgumentError for more than 64 of one session: revoke the session
   */
  async revokeToken(accessToken: string): Promise<boolean> {
    assertString('accessToken', accessToken);
    return refusedAs(false, () => this.parts.endings.endToken(this.parts.checks.genuine(accessToken)));
  }

  /** Ends the session of an access or refresh token, even an expired or an older one; false for one that is forged, malformed or ended. */
  async logout(token: string): Promise<boolean> {
    assertString('token', token);
    return this.parts.presented.logOut(token);
  }

  /** Ends every session of a user (within its tenant) in one step, but `except` if that is a live one of them; how many were ended. */
  async revokeAll(userId: string, opts: { except?: string; tenant?: string } = {}): Promise<number> {
    assertObject('opts', opts);
    const identity = checkIdentity(userId, opts.tenant);
    return this.parts.endings.endAll(identity, checkSpared('opts.except', opts.except, identity), 'revoke-all');
  }

  /** Ends every session of a tenant, whoever's, by raising the tenant's epoch: one command however many there are. No event is told for each; what they hold goes when they expire. */
  async revokeTenant(tenant: string): Promise<void> {
    await this.parts.endings.endTenant(checkTenant(tenant));
  }
}
