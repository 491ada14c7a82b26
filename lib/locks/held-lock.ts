import { LockLostError, LockStoreUnavailableError } from '../errors/index.js';
import type { Duration } from '../options/index.js';
import { checkTtl } from './lock-arguments.js';
import type { NotHeld } from './lock-calls.js';
import type { Lock } from './lock-types.js';

const LONGEST_MARGIN_MS = 1_000;
/** Longer ones setTimeout takes for 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a lock needs of those who made it. */
export interface LockKeeper {
  extend(ttlMs: number): Promise<true | NotHeld>;
  release(): Promise<true | NotHeld>;
  /** The lock is held no more, for whatever reason; told once. */
  ended(): void;
}

/** A lease, by the monotonic clock: nothing that Redis or the network does can make it longer than it is known to be. */
export class HeldLock implements Lock {
  private endsAt = 0;
  /** A margin before the end. */
  private heldUntil = 0;
  /** Why it is not held any more. */
  private lost: LockLostError['reason'] | undefined;
  private lossError: LockLostError | undefined;
  private isReleased = false;
  private extensions = 0;
  private controller: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly key: string,
    readonly fencingToken: bigint,
    private ttl: number,
    /** `performance.now()` before the request left. */
    sentAt: number,
    private readonly keeper: LockKeeper,
  ) {
    this.setEnd(sentAt + ttl, ttl);
  }

  get ttlMs(): number {
    return this.ttl;
  }

  get expiresAt(): Date {
    return new Date(Date.now() + this.endsAt - performance.now());
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.isHeld()) this.watch();
      if (this.lost !== undefined && !this.wasGivenUp) this.controller.abort(this.loss());
    }
    return this.controller.signal;
  }

  /** Whether the lease is known to go on; where it is over, everybody is told. */
  isHeld(): boolean {
    if (this.lost === undefined && performance.now() >= this.heldUntil) this.lose('expired');
    return this.lost === undefined;
  }

  assertHeld(): void {
    if (!this.isHeld()) throw this.loss();
  }

  async extend(ttl?: Duration): Promise<void> {
    const ttlMs = ttl === undefined ? this.ttl : checkTtl(ttl);
    this.assertHeld();
    const sentAt = performance.now();
    const turn = ++this.extensions;
    // A shorter lease holds from now on, whether or not a reply tells of it.
    if (sentAt + ttlMs < this.endsAt) this.setEnd(sentAt + ttlMs, ttlMs);
    const outcome = await this.keeper.extend(ttlMs);
    if (outcome !== true) this.lose(outcome);
    if (this.lost !== undefined) throw this.loss();
    // Once another was sent, that one's is the lease, also where its reply is lost.
    if (turn !== this.extensions) return;
    this.ttl = ttlMs;
    this.setEnd(sentAt + ttlMs, ttlMs);
  }

  async release(): Promise<boolean> {
    if (this.isReleased) return false;
    this.isReleased = true;
    this.end('released');
    try {
      return (await this.keeper.release()) === true;
    } catch (error) {
      this.isReleased = false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      if (!(error instanceof LockStoreUnavailableError)) throw error;
    }
  }

  /** By its holder, whether or not Redis could be told. */
  get wasGivenUp(): boolean {
    return this.lost === 'released';
  }

  /** For an error of one who held the lock: that it was lost, where it was. */
  lostBecause(error: unknown): LockLostError | undefined {
    if (this.isHeld() || this.wasGivenUp) return undefined;
    return error === this.loss() ? this.loss() : new LockLostError(this.lost!, { cause: error });
  }

  /** Tells the holder when the lease is over, also where nobody asks for the signal. */
  watch(): void {
    clearTimeout(this.timer);
    const wait = Math.min(Math.max(Math.ceil(this.heldUntil - performance.now()), 0), LONGEST_TIMER_MS);
    // A lock that nobody uses keeps no process alive.
    this.timer = setTimeout(() => this.isHeld() && this.watch(), wait).unref();
  }

  private setEnd(endsAt: number, ttlMs: number): void {
    this.endsAt = endsAt;
    this.heldUntil = endsAt - Math.min(ttlMs / 10, LONGEST_MARGIN_MS);
    if (this.timer !== undefined) this.watch();
  }

  private lose(reason: 'expired' | NotHeld): void {
    if (this.lost !== undefined) return;
    this.end(reason);
    this.controller?.abort(this.loss());
  }

  private end(reason: LockLostError['reason']): void {
    clearTimeout(this.timer);
    if (this.lost !== undefined) return;
    this.lost = reason;
    this.keeper.ended();
  }

  /** Made when it is asked for: most locks are released and never looked at again. */
  private loss(): LockLostError {
    return (this.lossError ??= new LockLostError(this.lost!));
  }
}
