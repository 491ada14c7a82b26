import { type Call, isWithin, type Lapse, type LimitCall, type Violation } from '../history.js';

export interface LimitsPromised {
  /** Among how many a limit is shared while Redis cannot be asked. */
  readonly instances: number;
  readonly lapses?: readonly Lapse[];
}

export interface LimitsVerdict {
  readonly violations: readonly Violation[];
  readonly allowed: number;
  /** Of these, what instances allowed by themselves. */
  readonly allowedLocally: number;
  readonly denied: number;
}

/** What is counted together. */
interface Account {
  readonly calls: LimitCall[];
  /** The most that may be allowed within so many ms. */
  readonly most: (ms: number) => number;
  /** Beyond this there is nothing to be said. */
  readonly longestMs: number;
  /** What each loss of Redis' data adds. */
  readonly perLapse: number;
}

/** The server's clock is read in whole ms. */
const CLOCK_MS = 3;

/**
 * Nothing is allowed beyond a limit: in no time between two calls more than its algorithm lets through; what an instance decided by
 * itself, by its own part of the limit, is the documented excess, and kept to that part; each loss of data begins the count anew.
 */
export function checkLimits(calls: readonly Call[], { instances, lapses = [] }: LimitsPromised): LimitsVerdict {
  const consumed = calls.filter((call): call is LimitCall => call.does === 'consume' && call.outcome === 'ok');
  const accounts = new Map<string, Account>();
  const allowed = consumed.filter((call) => call.allowed === true);
  for (const call of allowed) {
    const name = isLocal(call) ? `${call.key} on ${call.on}` : call.key;
    const account = accounts.get(name) ?? accountOf(call, instances);
    accounts.set(name, account);
    account.calls.push(call);
  }
  return {
    violations: [...accounts.values()].flatMap((account) => excess(account, lapses)),
    allowed: allowed.length,
    allowedLocally: allowed.filter(isLocal).length,
    denied: consumed.length - allowed.length,
  };
}

function isLocal({ limit, toldLimit }: LimitCall): boolean {
  return toldLimit !== limit;
}

function accountOf(call: LimitCall, instances: number): Account {
  const { algorithm, limit, windowMs } = call;
  if (isLocal(call)) {
    const part = Math.max(1, Math.floor(limit / instances));
    return { calls: [], most: (ms) => part + (ms * part) / windowMs, longestMs: Infinity, perLapse: 0 };
  }
  switch (algorithm) {
    case 'gcra':
      return { calls: [], most: (ms) => limit + (ms * limit) / windowMs, longestMs: Infinity, perLapse: limit };
    case 'fixed':
      // around an edge two windows' worth
      return { calls: [], most: (ms) => limit * (Math.floor(ms / windowMs) + 2), longestMs: Infinity, perLapse: limit };
    case 'sliding':
      return { calls: [], most: () => limit, longestMs: windowMs - 2 * CLOCK_MS, perLapse: limit };
  }
}

/** The first time of each beginning in which more was allowed than may be: a call was decided on between its start and its end. */
function excess({ calls, most, longestMs, perLapse }: Account, lapses: readonly Lapse[]): Violation[] {
  const byStart = [...calls].sort((one, other) => one.start - other.start);
  const byEnd = [...calls].sort((one, other) => one.end - other.end);
  for (const first of byStart) {
    let count = 0;
    for (const last of byEnd) {
      if (last.start < first.start) continue;
      const ms = last.end - first.start;
      if (ms > longestMs) break;
      count += 1;
      if (count <= most(ms + CLOCK_MS)) continue;
      const lost = lapses.filter((lapse) => isWithin(lapse, { start: first.start, end: last.end })).length;
      if (count > most(ms + CLOCK_MS) + lost * perLapse) {
        return [{ what: `${count} allowed within ${Math.round(ms)} ms`, calls: [last, first] }];
      }
    }
  }
  return [];
}
