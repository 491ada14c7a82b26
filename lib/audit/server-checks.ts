import type { AuditedOptions, ServerFacts } from './facts.js';
import type { AuditCode, Outcome } from './finding.js';

/** What is asked of each master; no outcome is the good one. */
export const SERVER_CHECKS: readonly ((facts: ServerFacts, options: AuditedOptions) => Outcome[])[] = [
  version,
  eviction,
  persistence,
  failingPersistence,
  replicas,
  role,
  database,
  clock,
];

const NO_INFO = 'INFO is not allowed';

function version({ info }: ServerFacts): Outcome[] {
  return info?.has('redis_version') ? [] : unknown('server-version', NO_INFO);
}

function eviction({ info, config }: ServerFacts): Outcome[] {
  const policy = config?.get('maxmemory-policy') ?? info?.get('maxmemory_policy');
  if (policy === undefined) return unknown('eviction-policy', 'neither INFO nor CONFIG tells it');
  if (policy === 'noeviction') return [];
  return [
    {
      code: 'eviction-policy',
      severity: 'error',
      message: `maxmemory-policy is ${policy}: when memory is short, Redis throws away sessions and tokens that are live`,
      advice: 'set it to noeviction, or give this package a Redis of its own',
    },
  ];
}

function persistence({ info, config }: ServerFacts): Outcome[] {
  if (info?.get('aof_enabled') === '1' || config?.get('appendonly') === 'yes') return [];
  const saves = config?.get('save');
  if (saves === undefined) return unknown('no-persistence', 'CONFIG is not allowed');
  if (saves !== '') return [];
  return [
    {
      code: 'no-persistence',
      severity: 'warning',
      message: 'nothing is written to disk: a restart of Redis signs everybody out, and forgets every token and lock',
      advice: 'set appendonly yes, or save points',
    },
  ];
}

function failingPersistence({ info }: ServerFacts): Outcome[] {
  const failed = [
    ['rdb_last_bgsave_status', 'snapshot'],
    ['aof_last_write_status', 'append to the AOF'],
  ].filter(([field]) => info?.get(field!) === 'err');
  return failed.map(([, what]) => ({
    code: 'persistence-failing',
    severity: 'warning',
    message: `the last ${what} failed; Redis may refuse every write (MISCONF)`,
    advice: "see the server's log; most often its disk is full",
  }));
}

function replicas({ info }: ServerFacts, { locks, redis }: AuditedOptions): Outcome[] {
  const needed = locks?.minReplicas ?? 0;
  const isWatched = redis.kind === 'sentinel';
  if (needed === 0 && !isWatched) return [];
  const count = replicasIn(info);
  if (count === undefined) return unknown('few-replicas', 'INFO does not tell the replicas');
  if (count < needed) {
    return [
      {
        code: 'few-replicas',
        severity: 'error',
        path: 'locks.minReplicas',
        message: `${count} of the ${needed} replicas that each lock waits for are connected: no lock can be had`,
        advice: 'connect more replicas, or lower minReplicas',
      },
    ];
  }
  if (count > 0) return [];
  return [
    {
      code: 'few-replicas',
      severity: 'warning',
      path: 'redis',
      message: 'the master has no replica: Sentinels have nothing to fail over to',
      advice: 'connect a replica',
    },
  ];
}

/** Those that are in step, where each is told; some servers tell their number alone. */
function replicasIn(info: ServerFacts['info']): number | undefined {
  const count = info?.get('connected_slaves');
  if (info === undefined || count === undefined) return undefined;
  const told = [...info].filter(([name, value]) => /^slave\d+$/.test(name) && value.includes('state='));
  return told.length === 0 ? Number(count) : told.filter(([, value]) => value.includes('state=online')).length;
}

function role({ info }: ServerFacts): Outcome[] {
  if (info?.get('role') !== 'slave') return [];
  return [
    {
      code: 'not-a-master',
      severity: 'error',
      path: 'redis',
      message: 'it is a replica, which takes no writes: nobody can sign in',
      advice: 'connect to the master, or to it through Sentinels',
    },
  ];
}

/** Nothing here and much elsewhere: most likely another number was meant. */
function database({ info, database: ours }: ServerFacts): Outcome[] {
  if (info === undefined || !info.has('redis_version') || info.has(`db${ours}`)) return [];
  const others = [...info.keys()].filter((name) => /^db\d+$/.test(name));
  if (others.length === 0) return [];
  return [
    {
      code: 'wrong-database',
      severity: 'info',
      path: 'redis.db',
      message: `db ${ours} is empty, while there are keys in ${others.join(', ')}`,
      advice: 'check that db is the one that you mean',
    },
  ];
}

function clock({ clock: facts }: ServerFacts, { jwt }: AuditedOptions): Outcome[] {
  if (facts === undefined) return unknown('clock-difference', 'TIME is not allowed');
  const toleranceMs = jwt?.clockToleranceMs ?? 5_000;
  const { aheadMs, uncertaintyMs } = facts;
  if (Math.abs(aheadMs) - uncertaintyMs <= toleranceMs) return [];
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  return [
    {
      code: 'clock-difference',
      severity: 'warning',
      path: 'jwt.clockTolerance',
      message: `the clock of Redis is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of this machine, more than clockTolerance (${toleranceMs / 1000} s)`,
      advice: 'let both follow NTP: tokens that this instance signs may be refused by others',
    },
  ];
}

function unknown(code: AuditCode, reason: string): Outcome[] {
  return [{ code, reason }];
}
