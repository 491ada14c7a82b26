import { type Call, isWithin, type Lapse, type LockCall, type Violation } from '../history.js';

export interface SectionsVerdict {
  readonly violations: readonly Violation[];
  readonly sections: number;
  readonly writes: number;
  /** Writes of holders whom a loss of data had overtaken: what a resource refuses that looks at fencing tokens. */
  readonly fencedOff: number;
}

type Fenced = LockCall & { readonly fence: number };

/**
 * Sections are ordered by fencing token: who obtains a lock later gets a greater one, whatever Redis has lost; and nobody writes,
 * at a moment at which it knows that it holds the lock, after one with a greater token. A store of which each key keeps the greatest token
 * that has written refuses what breaks this; it has reason to only where Redis lost the lock.
 */
export function checkSections(calls: readonly Call[], { lapses = [] }: { readonly lapses?: readonly Lapse[] } = {}): SectionsVerdict {
  const fenced = calls.filter((call): call is Fenced => 'fence' in call && call.fence !== undefined && call.outcome === 'ok');
  const locks = fenced.filter(({ does }) => does === 'lock').sort((one, other) => one.start - other.start);
  const writes = fenced.filter(({ does }) => does === 'write').sort((one, other) => one.start - other.start);
  const { violations: refused, fencedOff } = replay(writes, locks, lapses);
  return { violations: [...outOfOrder(locks), ...refused], sections: locks.length, writes: writes.length, fencedOff };
}

function outOfOrder(locks: readonly Fenced[]): Violation[] {
  const violations: Violation[] = [];
  const byEnd = [...locks].sort((one, other) => one.end - other.end);
  const greatest = new Map<string, Fenced>();
  const seen = new Map<string, Fenced>();
  let next = 0;
  for (const lock of locks) {
    for (; next < byEnd.length && byEnd[next]!.end < lock.start; next++) {
      const before = byEnd[next]!;
      if (before.fence > (greatest.get(before.key)?.fence ?? 0)) greatest.set(before.key, before);
    }
    const before = greatest.get(lock.key);
    if (before !== undefined && before.fence >= lock.fence)
      violations.push({ what: 'token not greater than before', calls: [lock, before] });
    const same = seen.get(`${lock.key} ${lock.fence}`);
    if (same !== undefined && same !== before) violations.push({ what: 'token given twice', calls: [lock, same] });
    seen.set(`${lock.key} ${lock.fence}`, lock);
  }
  return violations;
}

/** What a store would say that refuses smaller tokens than it has seen. */
function replay(
  writes: readonly Fenced[],
  locks: readonly Fenced[],
  lapses: readonly Lapse[],
): { violations: Violation[]; fencedOff: number } {
  const obtained = new Map(locks.map((lock) => [`${lock.key} ${lock.fence}`, lock]));
  const accepted = new Map<string, Fenced>();
  const violations: Violation[] = [];
  let fencedOff = 0;
  for (const write of writes) {
    const greatest = accepted.get(write.key);
    if (greatest === undefined || greatest.fence <= write.fence) {
      accepted.set(write.key, write);
      continue;
    }
    fencedOff += 1;
    const lock = obtained.get(`${write.key} ${write.fence}`);
    const span = { start: lock?.start ?? write.start, end: write.end };
    if (!lapses.some((lapse) => isWithin(lapse, span)))
      violations.push({ what: 'written after a greater token', calls: [write, greatest] });
  }
  return { violations, fencedOff };
}
