import { from, type LimitDecision, limitDecisions, type Observer } from '../diagnostics/index.js';
import { DEBIT, type Mode, USE_ONE } from './bucket.lua.js';
import type { Denials } from './denials.js';
import type { Debit, LocalLimiter } from './local-limiter.js';
import { type Outcome, readOutcome, readOutcomes, tightest, toResult } from './outcome.js';
import type { RateLimitResult } from './rate-limit-types.js';
import type { StoreOrLocal } from './store-or-local.js';

/** What became of a call, limit by limit; those that were not asked for, since another said no, are left out. */
export interface Decision {
  readonly result: RateLimitResult;
  readonly outcomes: readonly { readonly index: number; readonly outcome: Outcome }[];
}

/** The scripts of the limits: what is remembered as denied is not sent, and what Redis cannot be asked is decided here. */
export class LimitCalls {
  constructor(
    private readonly store: StoreOrLocal,
    private readonly local: LocalLimiter,
    private readonly denials: Denials,
    private readonly observer: Observer,
  ) {}

  /** With a request, a repeat of it gets the first answer. */
  async use(operation: string, debits: readonly Debit[], request?: string): Promise<Decision> {
    if (request === undefined) {
      if (debits.length === 1) return decisionOf([await this.useOne(operation, debits[0]!)]);
      // Not for a request: it may be a repeat of what was allowed.
      for (const [index, debit] of debits.entries()) {
        const outcome = this.denials.find(debit);
        if (outcome === undefined) continue;
        this.tell(operation, outcome, 'memory');
        return { result: toResult(outcome), outcomes: [{ index, outcome }] };
      }
    }
    const sentAt = performance.now();
    let isFromRedis = true;
    const outcomes = await this.ask(operation, 'use', debits, request, () => (isFromRedis = false));
    if (isFromRedis && request === undefined) {
      outcomes.forEach((outcome, index) => {
        if (outcome.retryMs > 0) this.denials.remember(debits[index]!, outcome, sentAt);
      });
    }
    this.tell(operation, tightest(outcomes), isFromRedis ? 'redis' : 'instance');
    return decisionOf(outcomes);
  }

  /** What is called most, by itself. */
  async useOne(operation: string, one: Debit): Promise<Outcome> {
    const denied = this.denials.find(one);
    if (denied !== undefined) {
      this.tell(operation, denied, 'memory');
      return denied;
    }
    const sentAt = performance.now();
    const { bucket, letter, field, limit, cost } = one;
    const { store } = this;
    const args = [store.latest, field];
    if (cost !== 1) args.push(cost);
    let isFromRedis = true;
    const outcome = await store.ask(
      operation,
      bucket,
      (client, again) =>
        USE_ONE[letter]!.run(client, [bucket], args, again).then((reply) => {
          if (reply === null) return null;
          const read = readOutcome(reply, limit);
          store.clock.learn(read.resetAt - read.resetMs);
          return read;
        }),
      () => {
        isFromRedis = false;
        return this.local.debit('use', [one])[0]!;
      },
    );
    if (isFromRedis && outcome.retryMs > 0) this.denials.remember(one, outcome, sentAt);
    this.tell(operation, outcome, isFromRedis ? 'redis' : 'instance');
    return outcome;
  }

  ask(operation: string, mode: Mode, debits: readonly Debit[], request?: string, onLocal?: () => void): Promise<Outcome[]> {
    const keys = debits.map(({ bucket }) => bucket);
    const args: (string | number)[] = [mode, this.store.latest];
    for (const { field, limit, windowMs, cost } of debits) args.push(field, limit, windowMs, cost);
    if (request !== undefined) keys.push(request);
    return this.store.ask(
      operation,
      keys[0]!,
      async (client, again) => {
        const reply = await DEBIT.run(client, keys, args, again);
        if (reply === null) return null;
        const { now, outcomes } = readOutcomes(reply);
        // A repeat of a request tells the moment of the first.
        if (request === undefined) this.store.clock.learn(now);
        return outcomes;
      },
      () => {
        onLocal?.();
        return this.local.debit(mode, debits);
      },
    );
  }

  private tell(operation: string, { retryMs }: Outcome, by: LimitDecision['by']): void {
    if (limitDecisions.hasSubscribers) limitDecisions.publish({ ...from(this.observer), operation, allowed: retryMs === 0, by });
  }
}

function decisionOf(outcomes: readonly Outcome[]): Decision {
  return { result: toResult(tightest(outcomes)), outcomes: outcomes.map((outcome, index) => ({ index, outcome })) };
}
