import type { ServerFacts } from './facts.js';
import type { Outcome } from './finding.js';

/** As docs/benchmarks.md measures it: a session without data, its share of the user's index included. */
const SESSION_BYTES = 340;
/** Of `maxmemory`: what is left is little for one busy hour. */
const NEARLY_FULL = 0.85;

/** What is known of the keys of this package, and of those that are still to come. */
export interface Need {
  /** What they take now, by a sample. */
  readonly ourBytes?: number;
  /** How many sessions there are to be at most. */
  readonly expectedSessions?: number;
  readonly sessions?: number;
}

/** Memory of one server, and whether what is to come fits in. On a Cluster each master has its part of the need. */
export function checkMemory({ info }: ServerFacts, masters: number, need: Need = {}): Outcome[] {
  const used = numberIn(info, 'used_memory');
  const limit = numberIn(info, 'maxmemory');
  if (used === undefined || limit === undefined) return [{ code: 'memory-headroom', reason: 'INFO does not tell the memory' }];
  if (limit === 0) return [NO_LIMIT, ...tooLittle(used, numberIn(info, 'total_system_memory') ?? Infinity, masters, need)];
  return tooLittle(used, limit, masters, need);
}

const NO_LIMIT: Outcome = {
  code: 'no-memory-limit',
  severity: 'info',
  message: 'maxmemory is not set: when the machine runs out of memory, its system may end Redis',
  advice: 'set maxmemory to what it may take, with maxmemory-policy noeviction',
};

function tooLittle(used: number, limit: number, masters: number, { ourBytes = 0, expectedSessions = 0, sessions = 0 }: Need): Outcome[] {
  const free = Math.max(0, limit - used);
  const growth = (Math.max(0, expectedSessions - sessions) * SESSION_BYTES) / masters;
  const reason =
    growth > free
      ? `${whole(expectedSessions)} sessions need ${megabytes(growth)} more than is used now`
      : used > limit * NEARLY_FULL
        ? `${Math.floor((used / limit) * 100)} % are used`
        : ourBytes / masters > free
          ? `our keys take ${megabytes(ourBytes / masters)} and cannot double`
          : undefined;
  if (reason === undefined) return [];
  return [
    {
      code: 'memory-headroom',
      severity: 'warning',
      message: `${reason}: ${megabytes(used)} of ${megabytes(limit)} are used, which leaves room for some ${whole(Math.floor(free / SESSION_BYTES))} more sessions without data; a full Redis refuses sign-ins`,
      advice: 'raise maxmemory, or move what else is there',
    },
  ];
}

function numberIn(info: ServerFacts['info'], field: string): number | undefined {
  const value = info?.get(field);
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function whole(count: number): string {
  return count.toLocaleString('en');
}
