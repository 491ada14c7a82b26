import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { type Attributes, type BatchObservableResult, type Meter, metrics, type Observable } from '@opentelemetry/api';
import {
  type CacheLookup,
  DIAGNOSTICS,
  type FromInstance,
  type LimitDecision,
  type LockWait,
  operations,
  type OperationTrace,
  type ReuseDetected,
} from '../../diagnostics/index.js';
import { getRedisAuthStatusToken, getStoreStatisticsToken } from '../../index.js';
import { DURATION_BUCKETS, type MetricDefinition, METRICS } from './metric-definitions.js';
import { checkLiveSessions, type RedisAuthMetricsOptions } from './metrics-options.js';
import { WatchedRegistration } from './watched-registration.js';

const METER = 'nestjs-redis-auth';
const STATES = ['up', 'degraded', 'down'] as const;

/**
 * Turns what the package tells into metrics of OpenTelemetry, from the boot to the shutdown of the application. Each
 * attribute has a closed set of values; none is an id. Made by {@link RedisAuthMetricsModule}.
 */
export class RedisAuthMetrics implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly live: { everyMs: number; sample: number } | undefined;
  private registrations: WatchedRegistration[] = [];
  private stop: () => void = () => undefined;

  /** @throws RedisAuthConfigError */
  constructor(
    private readonly modules: ModuleRef,
    private readonly options: RedisAuthMetricsOptions,
  ) {
    this.live = checkLiveSessions(options.liveSessions);
  }

  /** @throws UnknownElementException for a name that no registration has */
  onApplicationBootstrap(): void {
    const { instances = ['default'], meterProvider = metrics.getMeterProvider() } = this.options;
    const meter = meterProvider.getMeter(METER);
    this.registrations = instances.map((name) => {
      const status = this.modules.get(getRedisAuthStatusToken(name), { strict: false });
      const statistics = this.modules.get(getStoreStatisticsToken(name), { strict: false });
      return new WatchedRegistration(name, status, statistics, this.live);
    });
    const stops = [this.observe(meter), countOperations(meter), ...countFacts(meter)];
    this.stop = () => stops.forEach((stop) => stop());
  }

  onModuleDestroy(): void {
    this.stop();
    for (const registration of this.registrations) registration.close();
  }

  private observe(meter: Meter): () => void {
    const gauge = ({ name, unit, description }: MetricDefinition): Observable => meter.createObservableGauge(name, { unit, description });
    const { name, unit, description } = METRICS.degraded;
    const made = {
      status: gauge(METRICS.status),
      degraded: meter.createObservableCounter(name, { unit, description }),
      staleness: gauge(METRICS.staleness),
      stalenessLimit: gauge(METRICS.stalenessLimit),
      liveSessions: gauge(METRICS.liveSessions),
    };
    const read = (result: BatchObservableResult): void => {
      for (const registration of this.registrations) {
        const of: Attributes = { 'redis_auth.registration': registration.name };
        const { state, stalenessMs, maxStalenessMs } = registration.look();
        for (const each of STATES) result.observe(made.status, each === state ? 1 : 0, { ...of, 'redis_auth.state': each });
        for (const [each, ms] of Object.entries(registration.spentMs)) {
          result.observe(made.degraded, ms / 1000, { ...of, 'redis_auth.state': each });
        }
        if (stalenessMs !== undefined) result.observe(made.staleness, stalenessMs / 1000, of);
        if (maxStalenessMs !== undefined) result.observe(made.stalenessLimit, maxStalenessMs / 1000, of);
        if (registration.liveSessions !== undefined) result.observe(made.liveSessions, registration.liveSessions, of);
      }
    };
    const all = Object.values(made);
    meter.addBatchObservableCallback(read, all);
    return () => meter.removeBatchObservableCallback(read, all);
  }
}

function countOperations(meter: Meter): () => void {
  const total = counter(meter, METRICS.operations);
  const duration = histogram(meter, METRICS.operationDuration);
  const count = (message: unknown): void => {
    const trace = message as OperationTrace & Required<Pick<OperationTrace, 'outcome' | 'durationMs'>>;
    const attributes = { ...of(trace), 'redis_auth.operation': trace.operation, 'redis_auth.outcome': trace.outcome };
    duration.record(trace.durationMs / 1000, attributes);
    total.add(1, trace.reason === undefined ? attributes : { ...attributes, 'redis_auth.reason': trace.reason });
  };
  operations.asyncEnd.subscribe(count);
  return () => operations.asyncEnd.unsubscribe(count);
}

function countFacts(meter: Meter): (() => void)[] {
  const reuses = counter(meter, METRICS.reuses);
  const lookups = counter(meter, METRICS.cacheLookups);
  const decisions = counter(meter, METRICS.limitDecisions);
  const waits = histogram(meter, METRICS.lockWait);
  return [
    on<ReuseDetected>(DIAGNOSTICS.reuse, (told) => reuses.add(1, of(told))),
    on<CacheLookup>(DIAGNOSTICS.cache, (told) => lookups.add(1, { ...of(told), 'redis_auth.result': told.result })),
    on<LimitDecision>(DIAGNOSTICS.limit, (told) =>
      decisions.add(1, { ...of(told), 'redis_auth.allowed': told.allowed, 'redis_auth.decided_by': told.by }),
    ),
    on<LockWait>(DIAGNOSTICS.lock, (told) => waits.record(told.waitedMs / 1000, { ...of(told), 'redis_auth.outcome': told.outcome })),
  ];
}

function on<Message>(name: string, listener: (message: Message) => void): () => void {
  const listen = (message: unknown): void => listener(message as Message);
  subscribe(name, listen);
  return () => unsubscribe(name, listen);
}

function of({ instance }: FromInstance): Attributes {
  return instance === undefined ? {} : { 'redis_auth.registration': instance };
}

function counter(meter: Meter, { name, unit, description }: MetricDefinition) {
  return meter.createCounter(name, { unit, description });
}

function histogram(meter: Meter, { name, unit, description }: MetricDefinition) {
  return meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: DURATION_BUCKETS } });
}
