import { type CacheCall, type Call, isWithin, type Lapse, type Violation } from '../history.js';

export interface CachedPromised {
  /** How much later than its acknowledgement other instances may learn of an invalidation. */
  readonly boundMs: number;
  readonly lapses?: readonly Lapse[];
}

export interface CachedVerdict {
  readonly violations: readonly Violation[];
  readonly found: number;
  readonly invalidations: number;
  /** The longest time between an acknowledged invalidation and something older that another instance found. */
  readonly longestMs: number;
}

const CHANGES: ReadonlySet<string> = new Set<CacheCall['does']>(['set', 'delete', 'invalidate-tags', 'clear']);

/**
 * No look begins later than the bound after an acknowledged invalidation and finds what was there before it: what was set before it
 * was asked for, or loaded by a loader that began before. On the instance that asked for it there is no bound.
 */
export function checkCached(calls: readonly Call[], { boundMs, lapses = [] }: CachedPromised): CachedVerdict {
  const values = new Map<string, CacheCall>();
  const changes: CacheCall[] = [];
  const looks: CacheCall[] = [];
  for (const call of calls as readonly CacheCall[]) {
    if ((call.does === 'load' || call.does === 'set') && call.value !== undefined) values.set(call.value, call);
    if (CHANGES.has(call.does) && call.outcome === 'ok' && !lapses.some((lapse) => lapse.loses === 'last writes' && isWithin(lapse, call)))
      changes.push(call);
    if ((call.does === 'get' || call.does === 'get-or-set') && call.outcome === 'ok' && call.value !== undefined) looks.push(call);
  }
  changes.sort((one, other) => one.start - other.start);
  const violations: Violation[] = [];
  let longestMs = 0;
  for (const look of looks) {
    const value = values.get(look.value!);
    if (value === undefined) {
      violations.push({ what: 'never written', calls: [look] });
      continue;
    }
    const since = madeAt(value);
    for (let at = firstAfter(changes, since); at < changes.length && changes[at]!.start < look.start; at++) {
      const change = changes[at]!;
      const ms = look.start - change.end;
      if (ms <= 0 || !concerns(change, value)) continue;
      const isOwn = change.on === look.on;
      if (isOwn || ms > boundMs) {
        violations.push({ what: isOwn ? 'found by who invalidated it' : 'found after the bound', calls: [look, change, value] });
        break;
      }
      longestMs = Math.max(longestMs, ms);
    }
  }
  return { violations, found: looks.length, invalidations: changes.length, longestMs };
}

/** What is asked for later ends it. What nobody was told of may be set at any time. */
function madeAt({ does, start, end, outcome }: CacheCall): number {
  if (does === 'load') return start;
  return outcome === 'ok' ? end : Infinity;
}

function concerns(change: CacheCall, value: CacheCall): boolean {
  switch (change.does) {
    case 'clear':
      return true;
    case 'invalidate-tags':
      return value.tags?.some((tag) => change.tags!.includes(tag)) === true;
    default:
      return change.key === value.key;
  }
}

/** By bisection. */
function firstAfter(changes: readonly CacheCall[], time: number): number {
  let [low, high] = [0, changes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (changes[middle]!.start > time) high = middle;
    else low = middle + 1;
  }
  return low;
}
