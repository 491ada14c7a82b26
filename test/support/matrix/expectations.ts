import { LOCK_WAIT_MS, type Kind, type Operation } from '../operations/index.js';
import type { Fault, FaultKind } from './faults.js';

/**
 * What a call may come to.
 *
 * - `works`: what it comes to while all is well · `without`: what it resolves to where it does without Redis
 * - `refused`: StoreUnavailableError, of a lock LockStoreUnavailableError; nothing was executed
 * - `in doubt`: the same with `ambiguous: true`; it was executed once at most · `full`: StoreFullError
 */
export type Outcome = 'works' | 'without' | 'refused' | 'in doubt' | 'full';

const WORKS = ['works'] as const;
const FAILS = ['refused', 'in doubt'] as const;
const WITHOUT = ['without'] as const;
const MAY_FAIL = ['works', 'refused', 'in doubt'] as const;
const MAY_DO_WITHOUT = ['works', 'without'] as const;

type Row = Readonly<Record<Kind, readonly Outcome[]>>;

const ALL_WORK: Row = {
  read: WORKS,
  write: WORKS,
  change: WORKS,
  known: WORKS,
  cache: WORKS,
  limit: WORKS,
  lock: WORKS,
  unlock: WORKS,
  close: WORKS,
  here: WORKS,
};

const GONE: Row = {
  ...ALL_WORK,
  read: FAILS,
  write: FAILS,
  change: FAILS,
  cache: WITHOUT,
  limit: WITHOUT,
  lock: FAILS,
  unlock: FAILS,
};

const SOME_FAIL: Row = {
  ...ALL_WORK,
  read: MAY_FAIL,
  write: MAY_FAIL,
  change: MAY_FAIL,
  cache: MAY_DO_WITHOUT,
  limit: MAY_DO_WITHOUT,
  lock: MAY_FAIL,
  unlock: MAY_FAIL,
};

const DOUBT = ['in doubt'] as const;
const LOST: Row = { ...GONE, read: DOUBT, write: DOUBT, change: DOUBT, lock: DOUBT, unlock: DOUBT };

/** The table: what every kind of call comes to under every kind of fault. */
export const EXPECTED: Readonly<Record<FaultKind, Row>> = {
  // nobody has heard yet what was revoked
  unborn: { ...GONE, read: ['refused'], write: ['refused'], change: ['refused'], known: ['refused'], lock: ['refused'] },
  gone: GONE,
  'lost request': LOST,
  'lost reply': LOST,
  slow: ALL_WORK,
  unnoticed: ALL_WORK,
  full: { ...ALL_WORK, write: ['full'], cache: MAY_DO_WITHOUT, limit: WITHOUT, lock: ['refused'] },
  cutting: SOME_FAIL,
  failover: SOME_FAIL,
};

/** Where one call is another's affair. */
const OTHERWISE: Readonly<Record<string, readonly Outcome[]>> = {
  // a server that is loading tells about itself
  'LOADING › RedisAuthConnection.info': WORKS,
};

/** Ms that a call may take beyond `commandTimeout`, for whoever measures it. */
const MARGIN_MS = 250;
const CLOSES_WITHIN_MS = 2_000;
export const RECOVERS_WITHIN_MS = 2_000;

/** Calls that consist of several, each of which may take `commandTimeout`; as their documentation says. */
const STEPS: Readonly<Record<string, number>> = {
  'TokenRevocation.revoke (an opaque token)': 2,
  'StoreStatistics.statistics': 30,
  'TokenMigration.exportTokens': 30,
  'TokenMigration.importTokens': 5,
  'CacheAdapter.entries': 30,
  'RedisAuthKeyvStore.iterator': 30,
};
/** Of a call that waits for others, too. */
const WAITS: Readonly<Record<string, number>> = { 'DistributedLock.acquire': LOCK_WAIT_MS, 'DistributedLock.using': LOCK_WAIT_MS };

/** Ms within which the call has to settle. A Redis that is gone ends a call of several steps with the first one. */
export function boundOf({ name, kind }: Operation, fault: Fault, commandTimeout: number): number {
  if (kind === 'close') return CLOSES_WITHIN_MS;
  const steps = fault.kind === 'gone' || fault.kind === 'unborn' ? 1 : (STEPS[name] ?? 1);
  return steps * commandTimeout + (WAITS[name] ?? 0) + MARGIN_MS;
}

/** Why the fault can befall no such call; undefined where it can. */
export function whyNot(operation: Operation, fault: Fault): string | undefined {
  if (fault.kind === 'unborn' && operation.isBound) return 'what it needs is had from Redis first, by the same instance';
  return undefined;
}

/** What the call may come to. What resolves to nothing in any case looks the same with Redis and without. */
export function expectedOf({ name, kind, tells }: Operation, fault: Fault): readonly Outcome[] {
  const outcomes = OTHERWISE[`${fault.name} › ${name}`] ?? EXPECTED[fault.kind][kind];
  return tells ? outcomes : outcomes.map((outcome) => (outcome === 'without' ? 'works' : outcome));
}

/** How often it may have taken effect, by what it came to. */
export function effectsOf({ kind }: Operation, fault: Fault, outcome: Outcome): readonly [least: number, most: number] {
  if (outcome === 'refused' || outcome === 'full') return [0, 0];
  // what a replica had not heard of yet may be lost with its master, and what does without Redis need not reach it
  const doesWithout = kind === 'cache' || kind === 'limit';
  const isCertain = outcome === 'works' && fault.kind !== 'failover' && !doesWithout;
  // a change of the cache goes on after a look that was lost
  return [isCertain ? 1 : 0, fault.kind === 'lost request' && outcome !== 'works' ? 0 : 1];
}
