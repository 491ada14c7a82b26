import type { RunPlan } from './run.js';
import { behindSentinels, inCluster, KEEPING, LOSING, oneServer } from './setups.js';
import type { Bounds } from './verdict.js';

/** What every run has in common: bounds that are short, so that there is much to see in little time. */
export const BOUNDS: Bounds = { revocationMs: 2_000, leewayMs: 500, cacheMs: 1_000, instances: 3 };

export const COMMON = {
  workloads: ['revocation', 'families', 'locks', 'limits', 'cache'],
  sessions: { maxStaleness: '2s', refreshLeeway: '10m' },
  rateLimit: { instances: BOUNDS.instances },
  cache: { localMaxStaleness: '1s' },
  boundMs: BOUNDS.revocationMs,
  longestMs: 1_500,
  // as much time without faults as with them: both what breaks and what was broken has to be seen
  serverRestMs: 5_000,
  linkRestMs: 5_000,
} satisfies Partial<RunPlan>;

export type Topology = 'one' | 'sentinel' | 'cluster';

/** What may be run: faults that leave the data where it is, faults that lose all of it, and failovers. */
export const PLANS: Record<Topology, Readonly<Record<string, Omit<RunPlan, 'seed' | 'lengthMs'> & { readonly keepsData: boolean }>>> = {
  one: {
    'one server that keeps its data': { ...COMMON, setup: oneServer, serverFaults: KEEPING, keepsData: true },
    'one server that loses everything now and then': {
      ...COMMON,
      setup: oneServer,
      serverFaults: [...LOSING, 'stopped', 'down, with its data'],
      keepsData: false,
    },
  },
  sentinel: {
    'a master behind Sentinels that fails over': {
      ...COMMON,
      sessions: { ...COMMON.sessions, maxStaleness: '5s' },
      boundMs: 5_000,
      setup: behindSentinels,
      serverFaults: ['planned failover', 'master killed', 'clients killed', 'scripts flushed', 'stream deleted'],
      keepsData: false,
    },
  },
  cluster: {
    'a Cluster of which a master fails over': {
      ...COMMON,
      sessions: { ...COMMON.sessions, maxStaleness: '5s' },
      boundMs: 5_000,
      setup: inCluster,
      serverFaults: ['planned failover', 'master killed', 'clients killed', 'scripts flushed', 'stream deleted'],
      keepsData: false,
    },
  },
};
