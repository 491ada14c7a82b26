import type { Duration } from '../options/index.js';

/**
 * How use is counted.
 *
 * - `gcra`: smoothly; `limit` at once, then one more each `window / limit`. Two numbers a key.
 * - `fixed`: `limit` in a window that begins with its first use, then nothing until it ends. Around the end of one, twice
 *   the limit can pass at once. Two numbers a key.
 * - `sliding`: never more than `limit` in any stretch of time as long as the window. Remembers each use, up to 257 moments
 *   a key (then moments are taken together, which errs on the strict side, by a 128th of the window).
 */
export type RateLimitAlgorithm = 'gcra' | 'fixed' | 'sliding';

/** A limit: so much, in such a time. Two that differ in limit, window or algorithm count apart. */
export interface RateLimitRule {
  /** An integer of at least 1. */
  limit: number;
  /** At least 1 ms. */
  window: Duration;
  /** @default 'gcra' */
  algorithm?: RateLimitAlgorithm;
  /** What this use counts for: an integer from 1 to `limit`. @default 1 */
  cost?: number;
}

/** A limit, to be used. */
export interface RateLimitUse extends RateLimitRule {
  /** Makes a repeat for the same key within 60 s get the first answer, whatever else it says, so that a lost reply is not counted twice. */
  requestId?: string;
}

/** What became of it. With several limits, that of the tightest one. */
export interface RateLimitResult {
  allowed: boolean;
  limit: number;
  /** How much may still be used now. */
  remaining: number;
  /** When all of the limit is there again, if nothing more is used; by the clock of the Redis server. */
  resetAt: Date;
  /** Whole seconds, rounded up, after which this use would be allowed; 0 if it was. */
  retryAfter: number;
}

/** Who tries to sign in. */
export interface LoginIdentity {
  /** What names the account, in one spelling (lower-cased, trimmed), whether or not there is such an account. */
  account: string;
  /** Where the attempt comes from, as the platform tells it: `request.ip`. */
  ip: string;
}

/** How many attempts. */
export interface LoginLimits {
  /** @default { limit: 10, window: '15m' } */
  account?: RateLimitRule;
  /** @default { limit: 100, window: '15m' } */
  ip?: RateLimitRule;
}

/** Whether the password may be looked at. */
export interface LoginAttempt extends RateLimitResult {
  /**
   * To be called once the password was right: forgets the attempts at this account, and gives this one back to the address,
   * whose failures go on counting. A second call does nothing. Resolves even where Redis cannot be asked: then they are
   * forgotten by and by.
   */
  succeeded(): Promise<void>;
}
