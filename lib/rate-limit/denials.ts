import { LRUCache } from 'lru-cache';
import type { Debit } from './local-limiter.js';
import type { Outcome } from './outcome.js';

const MOST_KEYS = 10_000;
/** A reset by another process is noticed after this time at the latest. */
const MEMORY_MS = 2_000;

interface Denial {
  /** What is denied; less may be allowed. */
  readonly cost: number;
  readonly outcome: Outcome;
  /** Monotonic ms. */
  readonly endsAt: number;
  readonly trustedUntil: number;
}

/**
 * Remembers what Redis denied until that ends, so that a key over its limit costs no command: what is denied changes
 * nothing, and only a reset or a reward could end it sooner. One of another process is noticed within 2 s.
 */
export class Denials {
  private readonly ofBuckets = new LRUCache<string, Map<string, Denial>>({ max: MOST_KEYS });
  private forgotAt = -Infinity;

  find({ bucket, field, cost }: Debit): Outcome | undefined {
    if (this.ofBuckets.size === 0) return undefined;
    const denial = this.ofBuckets.get(bucket)?.get(field);
    const now = performance.now();
    if (denial === undefined || denial.trustedUntil <= now || cost < denial.cost) return undefined;
    const { endsAt, outcome } = denial;
    // What costs more may have to wait longer, up to when all is there again: only Redis knows.
    if (cost > denial.cost && outcome.resetMs > outcome.retryMs) return undefined;
    return { ...outcome, retryMs: endsAt - now, resetMs: outcome.resetMs - outcome.retryMs + endsAt - now };
  }

  /** @param sentAt monotonic ms; the denial ended no later than counted from here */
  remember({ bucket, field, cost }: Debit, outcome: Outcome, sentAt: number): void {
    // What was asked before a reset may be told after it.
    if (sentAt <= this.forgotAt) return;
    const denials = this.ofBuckets.get(bucket) ?? new Map<string, Denial>();
    const known = denials.get(field);
    // The smaller one says more.
    if (known !== undefined && known.cost < cost && known.trustedUntil > sentAt) return;
    const endsAt = sentAt + outcome.retryMs;
    denials.set(field, { cost, outcome, endsAt, trustedUntil: Math.min(endsAt, sentAt + MEMORY_MS) });
    this.ofBuckets.set(bucket, denials);
  }

  forget(bucket: string): void {
    this.forgotAt = performance.now();
    this.ofBuckets.delete(bucket);
  }
}
