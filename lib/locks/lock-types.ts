import type { Duration } from '../options/index.js';

/** Several keys that are taken together. All keys of a group lie in one Cluster slot; a key in a group is another lock than that key alone. */
export interface LockGroup {
  /** At most 256 bytes. */
  group: string;
  /** 1 to 64 of at most 1,024 bytes each, in any order. */
  keys: readonly string[];
}

/** What is locked: a key of at most 1,024 bytes, or several keys of a group. */
export type LockTarget = string | LockGroup;

/** How long a lock is held. */
export interface LockLease {
  /** From when it is obtained, unless it is extended; at least 10 ms. */
  ttl: Duration;
}

/** How {@link DistributedLock.tryAcquire} asks. */
export interface TryLockOptions extends LockLease {
  /** So many may hold the key at once; everyone who asks for the key must give the same number. Not for groups. @default 1 */
  permits?: number;
}

/** How {@link DistributedLock.acquire} and {@link DistributedLock.using} ask. */
export interface WaitLockOptions extends TryLockOptions {
  /** How long to wait for others; 0 tries once. @default the option `locks.wait`, '10s' */
  wait?: Duration;
  /** Ends the waiting; the call rejects with its reason. */
  signal?: AbortSignal;
}

/**
 * A lock that was obtained.
 *
 * It is a lease: it ends by itself, by the monotonic clock of this process, counted from before the request left. For what
 * must not happen twice even where this process was paused in the middle of it, give {@link fencingToken} to the resource.
 */
export interface Lock extends AsyncDisposable {
  /** The key; of several, the name of their group. */
  readonly key: string;
  /** Greater than that of every earlier holder of the key; below 2^53. */
  readonly fencingToken: bigint;
  /** When the lease ends, by the clock of this process. */
  readonly expiresAt: Date;
  /** Aborts a tenth of the ttl (at most a second) before the lease ends, or as soon as it is known to be lost; the reason is a LockLostError. Not by `release`. */
  readonly signal: AbortSignal;
  /**
   * Asks the monotonic clock, not Redis.
   *
   * @throws LockLostError from the moment at which `signal` aborts, or was about to: also where the process stood still and no timer has run yet
   */
  assertHeld(): void;
  /**
   * The lease goes on for `ttl` from now. Atomic; one round trip.
   *
   * @param ttl that of before if left out
   * @throws LockLostError if it was lost meanwhile, LockStoreUnavailableError if Redis cannot be asked: what is left of the lease stays
   */
  extend(ttl?: Duration): Promise<void>;
  /**
   * Gives the lock to whoever waits first. Atomic; one round trip.
   *
   * @returns whether it was still held; nobody else's lock is ever freed
   * @throws LockStoreUnavailableError if Redis cannot be asked: the lock ends with its lease, or by another `release`
   */
  release(): Promise<boolean>;
  /** Releases; does not reject where Redis cannot be asked, since the lock then ends with its lease. */
  [Symbol.asyncDispose](): Promise<void>;
}
