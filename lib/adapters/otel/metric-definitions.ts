/** One metric, as it is made of a meter. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** In UCUM; in braces what is counted. */
  readonly unit: string;
  readonly description: string;
}

/** All metrics. Names and units follow the semantic conventions of OpenTelemetry; each has `redis_auth.registration` beside its own attributes. */
export const METRICS = {
  operations: {
    name: 'redis_auth.operations',
    kind: 'counter',
    unit: '{operation}',
    description: 'Calls of public methods, by redis_auth.operation, redis_auth.outcome and, of those refused, redis_auth.reason',
  },
  operationDuration: {
    name: 'redis_auth.operation.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long calls took, by redis_auth.operation and redis_auth.outcome',
  },
  status: {
    name: 'redis_auth.status',
    kind: 'gauge',
    unit: '{registration}',
    description: '1 for the present redis_auth.state (up, degraded, down), 0 for the others',
  },
  degraded: {
    name: 'redis_auth.degraded.time',
    kind: 'counter',
    unit: 's',
    description: 'Time spent in a redis_auth.state other than up',
  },
  staleness: {
    name: 'redis_auth.revocation.staleness',
    kind: 'gauge',
    unit: 's',
    description: 'For how long a revocation can have gone unheard',
  },
  stalenessLimit: {
    name: 'redis_auth.revocation.staleness.limit',
    kind: 'gauge',
    unit: 's',
    description: 'sessions.maxStaleness, beyond which verifying asks Redis',
  },
  liveSessions: {
    name: 'redis_auth.session.live',
    kind: 'gauge',
    unit: '{session}',
    description: 'Live sessions of the registration in all of Redis, counted or estimated in the background',
  },
  reuses: {
    name: 'redis_auth.session.reuses',
    kind: 'counter',
    unit: '{event}',
    description: 'Refresh tokens that were used twice; each has ended its session',
  },
  lockWait: {
    name: 'redis_auth.lock.wait.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long acquire and using waited for a lock, by redis_auth.outcome',
  },
  limitDecisions: {
    name: 'redis_auth.limiter.decisions',
    kind: 'counter',
    unit: '{decision}',
    description: 'What the limiter said, by redis_auth.allowed and redis_auth.decided_by (redis, memory, instance)',
  },
  cacheLookups: {
    name: 'redis_auth.cache.lookups',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Looks into the cache, by redis_auth.result (local, redis, miss, unavailable)',
  },
} as const satisfies Record<string, MetricDefinition>;

/** Seconds: from what is known in this process (µs) to the longest `commandTimeout` that anybody waits for. */
export const DURATION_BUCKETS = [
  0.000_01, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
