import type { UseReply } from './bucket.lua.js';
import type { RateLimitResult } from './rate-limit-types.js';

/** What one limit says. */
export interface Outcome {
  readonly limit: number;
  readonly remaining: number;
  /** When all of it is there again: ms, by the server's clock. */
  readonly resetAt: number;
  /** Ms until that. */
  readonly resetMs: number;
  /** Ms until it allows what was asked for; 0 where it does. */
  readonly retryMs: number;
}

const NUMBERS_OF_EACH = 4;

/** From the reply of the script for one limit. */
export function readOutcome(reply: NonNullable<UseReply>, limit: number): Outcome {
  const resetMs = Number(reply[2]);
  return { limit, remaining: Number(reply[1]), resetAt: Number(reply[0]) + resetMs, resetMs, retryMs: Number(reply[3] ?? 0) };
}

/** From the reply of the script for several. */
export function readOutcomes(reply: string): { now: number; outcomes: Outcome[] } {
  const numbers = reply.split(' ');
  const now = Number(numbers[0]);
  const outcomes: Outcome[] = [];
  for (let n = 1; n < numbers.length; n += NUMBERS_OF_EACH) {
    const resetMs = Number(numbers[n + 2]);
    outcomes.push({
      limit: Number(numbers[n]),
      remaining: Number(numbers[n + 1]),
      resetAt: now + resetMs,
      resetMs,
      retryMs: Number(numbers[n + 3]),
    });
  }
  return { now, outcomes };
}

/** Of several limits the one that says no for longest, else the one of which the least is left. */
export function tightest(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((one, other) => {
    if (one.retryMs !== other.retryMs) return one.retryMs > other.retryMs ? one : other;
    return other.remaining < one.remaining ? other : one;
  });
}

export function toResult({ limit, remaining, resetAt, retryMs }: Outcome): RateLimitResult {
  return { allowed: retryMs === 0, limit, remaining, resetAt: new Date(resetAt), retryAfter: Math.ceil(retryMs / 1000) };
}
