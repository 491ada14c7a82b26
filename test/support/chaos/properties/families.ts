import { type Call, isWithin, type Lapse, type SessionCall, type Violation } from '../history.js';

export interface FamiliesPromised {
  /** For how long a token is honoured after it was used, while its successor was not. */
  readonly leewayMs: number;
  readonly lapses?: readonly Lapse[];
}

export interface FamiliesVerdict {
  readonly violations: readonly Violation[];
  readonly refreshes: number;
  /** Refreshes with a token that somebody else presented as well. */
  readonly shared: number;
  readonly reuses: number;
}

type Refresh = SessionCall & { readonly presented: string };

/** Clocks of a machine differ in how long a second is, if by little. */
const CLOCK_MS = 5;

/**
 * At most one live successor per family: a token has one successor, whoever presents it; once that is used, or the leeway is over, the
 * token is of no use any more, and after a reuse was found out no token of that sign-in is. What a failover lost it may say again.
 */
export function checkFamilies(calls: readonly Call[], { leewayMs, lapses = [] }: FamiliesPromised): FamiliesVerdict {
  const refreshes = calls.filter((call): call is Refresh => call.does === 'refresh' && call.presented !== undefined);
  const good = refreshes.filter(({ outcome }) => outcome === 'ok');
  /** The first acknowledged use of each token that no failover can have lost. */
  const used = firstOf(good, ({ presented }) => presented, lapses);
  const reused = firstOf(
    refreshes.filter(({ outcome }) => outcome === 'refused: reused'),
    ({ session }) => session!,
    lapses,
  );
  const successors = new Map<string, Refresh>();
  const presented = new Map<string, number>();
  const violations: Violation[] = [];
  for (const call of refreshes) presented.set(call.presented, (presented.get(call.presented) ?? 0) + 1);
  for (const call of good) {
    const first = successors.get(call.presented);
    if (first === undefined) successors.set(call.presented, call);
    else if (first.successor !== call.successor) violations.push({ what: 'two successors', calls: [call, first] });

    const own = used.get(call.presented);
    if (own !== undefined && call.start > own.end + leewayMs + CLOCK_MS)
      violations.push({ what: 'used after the leeway', calls: [call, own] });
    const next = used.get(call.successor!);
    if (next !== undefined && call.start > next.end) violations.push({ what: 'used after its successor', calls: [call, next] });
    const reuse = reused.get(call.session!);
    if (reuse !== undefined && call.start > reuse.end) violations.push({ what: 'used after a reuse', calls: [call, reuse] });
  }
  return {
    violations,
    refreshes: good.length,
    shared: refreshes.filter((call) => presented.get(call.presented)! > 1).length,
    reuses: refreshes.filter(({ outcome }) => outcome === 'refused: reused').length,
  };
}

function firstOf(calls: readonly Refresh[], nameOf: (call: Refresh) => string, lapses: readonly Lapse[]): Map<string, Refresh> {
  const first = new Map<string, Refresh>();
  for (const call of calls) {
    if (lapses.some((lapse) => lapse.loses === 'last writes' && isWithin(lapse, call))) continue;
    const name = nameOf(call);
    if (call.end < (first.get(name)?.end ?? Infinity)) first.set(name, call);
  }
  return first;
}
