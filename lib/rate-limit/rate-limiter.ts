import { Injectable } from '@nestjs/common';
import { assertObject, assertText } from '../data/index.js';
import { type Observer, Traced } from '../diagnostics/index.js';
import { StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { Duration } from '../options/index.js';
import { BLOCK, type Mode } from './bucket.lua.js';
import { checkDuration, type CheckedLimit, checkKey, checkLimit, checkLimits, checkRequestId } from './checked-limits.js';
import { ClientAddresses } from './client-address.js';
import { Denials } from './denials.js';
import { type Decision, LimitCalls } from './limit-calls.js';
import { type Debit, LocalLimiter } from './local-limiter.js';
import { type Outcome, tightest, toResult } from './outcome.js';
import { RateLimitKeys } from './rate-limit-keys.js';
import type { LoginAttempt, LoginIdentity, LoginLimits, RateLimitResult, RateLimitRule, RateLimitUse } from './rate-limit-types.js';
import { rateLimiterParts, type RateLimiterOptions, type RateLimiterParts } from './rate-limiter-options.js';
import { StoreOrLocal } from './store-or-local.js';

const LOGIN_DEFAULTS = { account: { limit: 10, window: '15m' }, ip: { limit: 100, window: '15m' } } as const satisfies LoginLimits;
const MAX_ID_BYTES = 256;

/**
 * Limits how often something happens, over all instances, by the clock of the Redis server alone.
 *
 * Each call is one Lua script and one round trip, atomic; every key has a TTL. What Redis denied is remembered in this
 * process until it ends, at most 2 s at a time, so that a key over its limit costs next to no commands; a `reset`,
 * `reward` or sign-in by another process is noticed within those 2 s, one by this process at once.
 *
 * While Redis cannot be asked there is neither "no limit" nor "nothing goes": each instance keeps
 * max(1, floor(limit / `rateLimit.instances`)) of each limit by itself, at once where there is no connection. Where
 * Redis hangs, calls wait for half a second of silence, once; then none waits until Redis answers again. What was decided
 * here is not counted there afterwards. With a Cluster of which a part is down, that holds for all keys.
 *
 * Every method rejects with InvalidArgumentError, before any command, if an argument is not what it must be.
 *
 * Provided by the module, and usable by hand: `new RateLimiter({ redis: 'redis://localhost:6379' })`.
 */
@Injectable()
@Traced<RateLimiter>('rateLimit', ['consume', 'peek', 'penalty', 'reward', 'reset', 'block', 'login', 'decide'])
export class RateLimiter {
  /** @internal */
  readonly parts: RateLimiterParts;
  /** @internal */
  readonly addresses: ClientAddresses;
  /** @internal */
  readonly store: StoreOrLocal;
  /** @internal */
  readonly keys: RateLimitKeys;
  private readonly local: LocalLimiter;
  private readonly denials = new Denials();
  private readonly calls: LimitCalls;

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options: RateLimiterOptions);
  /** @internal */
  constructor(parts: RateLimiterParts);
  constructor(options: RateLimiterOptions | RateLimiterParts = {}) {
    this.parts = rateLimiterParts(options);
    const { connection, keyPrefix, rateLimit } = this.parts;
    this.keys = new RateLimitKeys(keyPrefix);
    this.addresses = new ClientAddresses(rateLimit);
    this.store = new StoreOrLocal(connection);
    this.local = new LocalLimiter(rateLimit.instances);
    this.calls = new LimitCalls(this.store, this.local, this.denials, connection.observer);
  }

  /** @internal */
  get observer(): Observer {
    return this.parts.connection.observer;
  }

  /**
   * Uses a limit, if it allows that; what is denied is not counted. Several limits hold together: if one says no, none
   * is used; the result is that of the tightest, the one that says no for longest or else has the least left.
   */
  async consume(key: string, limits: RateLimitUse | readonly RateLimitUse[]): Promise<RateLimitResult> {
    if (Array.isArray(limits) || (limits as RateLimitUse | undefined)?.requestId !== undefined) return (await this.use(key, limits)).result;
    return toResult(await this.calls.useOne('rateLimit.consume', debit(this.keys.bucket(checkKey(key)), checkLimit('options', limits))));
  }

  /** What {@link consume} would say, without using anything. Always asks Redis. */
  async peek(key: string, limits: RateLimitRule | readonly RateLimitRule[]): Promise<RateLimitResult> {
    return this.change('rateLimit.peek', 'look', key, limits);
  }

  /**
   * Uses a limit whether or not it allows that, as for something that turned out worse than it looked; at most as much
   * again as the limit beyond it. The result says what goes from now on.
   */
  async penalty(key: string, limits: RateLimitRule | readonly RateLimitRule[]): Promise<RateLimitResult> {
    return this.change('rateLimit.penalty', 'add', key, limits);
  }

  /** Gives back what was used, at most all of it. The result says what goes from now on. */
  async reward(key: string, limits: RateLimitRule | readonly RateLimitRule[]): Promise<RateLimitResult> {
    return this.change('rateLimit.reward', 'return', key, limits);
  }

  /**
   * Forgets all limits of a key, and its block; false if there was nothing to forget. Other instances that remember a
   * denial go by it for up to 2 s.
   *
   * @throws StoreUnavailableError if Redis cannot be asked; in this process it is forgotten all the same
   */
  async reset(key: string): Promise<boolean> {
    return this.forget('rateLimit.reset', this.keys.bucket(checkKey(key)));
  }

  /**
   * Denies everything for a key, whatever its limits, from now on for so long; takes the place of a block before.
   *
   * @throws StoreUnavailableError if Redis cannot be asked; this process holds to it all the same while it is away
   */
  async block(key: string, duration: Duration): Promise<void> {
    const bucket = this.keys.bucket(checkKey(key));
    const ms = checkDuration('duration', duration);
    this.local.block(bucket, ms);
    // A shorter one may take the place of a block that is remembered.
    this.denials.forget(bucket);
    await this.parts.connection.execute('rateLimit.block', (client, again) => BLOCK.run(client, [bucket], [ms], again));
    this.denials.forget(bucket);
  }

  /**
   * To be asked before a password is looked at: one attempt at an account from an address, both or none, in one script.
   * Whether there is such an account makes no difference. After too many it says no for a while, by `retryAfter`; it
   * never locks an account for good. `allow` spares an address its own limit, not that of the account. Only failures go on
   * counting, see {@link LoginAttempt.succeeded}. Tell the client whether and when to come back, no more: what is left
   * would show when the owner of an account signs in.
   */
  async login({ account, ip }: LoginIdentity, limits: LoginLimits = {}): Promise<LoginAttempt> {
    assertText('account', account, MAX_ID_BYTES);
    assertText('ip', ip, MAX_ID_BYTES);
    assertObject('limits', limits);
    const bucket = this.keys.account(account);
    const debits = [debit(bucket, checkLimit('limits.account', limits.account ?? LOGIN_DEFAULTS.account))];
    const ofAddress = debit(this.keys.address(this.addresses.nameOf(ip)), checkLimit('limits.ip', limits.ip ?? LOGIN_DEFAULTS.ip));
    if (!this.addresses.isAllowed(ip)) debits.push(ofAddress);
    const { result } = await this.calls.use('rateLimit.login', debits);
    let done: Promise<void> | undefined;
    return { ...result, succeeded: () => (done ??= this.loggedIn(bucket, result.allowed ? debits.slice(1) : [])) };
  }

  /** Closes the connection that this limiter made for itself; one that it was given stays open. */
  async close(): Promise<void> {
    await this.parts.close?.();
  }

  /** {@link consume} with what each limit says. @internal */
  async decide(key: string, limits: RateLimitUse | readonly RateLimitUse[]): Promise<Decision> {
    return this.use(key, limits);
  }

  private async use(key: string, limits: RateLimitUse | readonly RateLimitUse[]): Promise<Decision> {
    const bucket = this.keys.bucket(checkKey(key));
    const checked = checkLimits(limits);
    const requestId = checkRequestId(Array.isArray(limits) ? limits : [limits as RateLimitUse]);
    return this.calls.use(
      'rateLimit.consume',
      checked.map((limit) => debit(bucket, limit)),
      requestId === undefined ? undefined : this.keys.request(key, requestId),
    );
  }

  private async change(
    operation: string,
    mode: Mode,
    key: string,
    limits: RateLimitRule | readonly RateLimitRule[],
  ): Promise<RateLimitResult> {
    const bucket = this.keys.bucket(checkKey(key));
    const debits = checkLimits(limits).map((limit) => debit(bucket, limit));
    const outcomes = await (mode === 'return' ? this.giveBack(operation, debits) : this.calls.ask(operation, mode, debits));
    return toResult(tightest(outcomes));
  }

  private async giveBack(operation: string, debits: readonly Debit[]): Promise<Outcome[]> {
    const outcomes = await this.calls.ask(operation, 'return', debits);
    for (const { bucket } of debits) this.denials.forget(bucket);
    return outcomes;
  }

  private async forget(operation: string, bucket: string): Promise<boolean> {
    this.local.reset(bucket);
    this.denials.forget(bucket);
    const deleted = await this.parts.connection.execute(operation, (client) => client.del(bucket) as Promise<number | string>);
    // Once more, for what was denied meanwhile.
    this.denials.forget(bucket);
    return Number(deleted) === 1;
  }

  /** @param counted what is given back: once for each attempt, and only what it used, so that it hides no failure */
  private async loggedIn(account: string, counted: readonly Debit[]): Promise<void> {
    try {
      await Promise.all([this.forget('rateLimit.login', account), counted.length > 0 && this.giveBack('rateLimit.login', counted)]);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError || error instanceof StoreFullError)) throw error;
    }
  }
}

function debit(bucket: string, { letter, field, limit, windowMs, cost }: CheckedLimit): Debit {
  return { bucket, letter, field, limit, windowMs, cost };
}
