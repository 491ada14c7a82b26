import { LRUCache } from 'lru-cache';
import type { Mode } from './bucket.lua.js';
import type { CheckedLimit } from './checked-limits.js';
import type { Outcome } from './outcome.js';

const MOST_KEYS = 10_000;

/** A limit, and the name of the key in Redis that holds it. */
export interface Debit extends CheckedLimit {
  readonly bucket: string;
}

interface Bucket {
  /** Monotonic ms. */
  blockedUntil: number;
  readonly levels: Map<string, Level>;
}

interface Level {
  /** Monotonic ms. */
  readonly moment: number;
  readonly used: number;
}

/**
 * Keeps limits in this process while Redis cannot: of each the part that falls to one of so many instances, at least 1,
 * whatever the algorithm as a bucket that leaks. Of more than 10,000 keys those used longest ago are forgotten.
 */
export class LocalLimiter {
  private readonly buckets = new LRUCache<string, Bucket>({ max: MOST_KEYS });

  constructor(private readonly instances: number) {}

  /** All or nothing, as the script does it. */
  debit(mode: Mode, debits: readonly Debit[]): Outcome[] {
    const now = performance.now();
    const isAllowed = mode === 'use' && debits.every((debit) => this.look(debit, now).retryMs === 0);
    return debits.map((debit) => {
      const isForced = mode === 'add' || mode === 'return';
      if (isAllowed || isForced) this.use(debit, mode, now);
      const outcome = this.look(isForced ? { ...debit, cost: 1 } : debit, now);
      return isAllowed ? { ...outcome, retryMs: 0 } : outcome;
    });
  }

  block(name: string, ms: number): void {
    this.bucket(name).blockedUntil = performance.now() + ms;
  }

  reset(name: string): void {
    this.buckets.delete(name);
  }

  private use(debit: Debit, mode: Mode, now: number): void {
    const { limit, cost } = this.partOf(debit);
    const used = this.used(debit, now);
    const next = mode === 'return' ? Math.max(0, used - cost) : Math.min(used + cost, 2 * limit);
    this.bucket(debit.bucket).levels.set(debit.field, { moment: now, used: next });
  }

  private look(debit: Debit, now: number): Outcome {
    const { limit, cost } = this.partOf(debit);
    const used = this.used(debit, now);
    const msEach = debit.windowMs / limit;
    const blockedMs = Math.max(0, (this.buckets.get(debit.bucket)?.blockedUntil ?? 0) - now);
    const resetMs = Math.max(blockedMs, used * msEach);
    return {
      limit,
      remaining: blockedMs > 0 ? 0 : Math.max(0, Math.floor(limit - used)),
      resetAt: Math.ceil(Date.now() + resetMs),
      resetMs,
      retryMs: Math.max(blockedMs, (used + cost - limit) * msEach, 0),
    };
  }

  /** Less what has drained since. */
  private used(debit: Debit, now: number): number {
    const level = this.buckets.get(debit.bucket)?.levels.get(debit.field);
    if (level === undefined) return 0;
    return Math.max(0, level.used - ((now - level.moment) * this.partOf(debit).limit) / debit.windowMs);
  }

  private bucket(name: string): Bucket {
    let bucket = this.buckets.get(name);
    if (bucket === undefined) this.buckets.set(name, (bucket = { blockedUntil: 0, levels: new Map<string, Level>() }));
    return bucket;
  }

  private partOf({ limit, cost }: Debit): { limit: number; cost: number } {
    const part = Math.max(1, Math.floor(limit / this.instances));
    return { limit: part, cost: Math.min(cost, part) };
  }
}
