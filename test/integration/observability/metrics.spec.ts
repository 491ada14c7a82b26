import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  CacheAdapter,
  DistributedLock,
  RateLimiter,
  RedisAuthConfigError,
  RedisAuthModule,
  RedisAuthStatus,
  SessionService,
} from 'nestjs-redis-auth';
import { type RedisAuthMetricsOptions, RedisAuthMetricsModule } from 'nestjs-redis-auth/otel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../../lib/adapters/otel/metric-definitions.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

type Name = keyof typeof METRICS;
interface Histogram {
  count: number;
  sum: number;
}

let redis: TestRedis;
let app: INestApplicationContext | undefined;
let provider: MeterProvider;
let exporter: InMemoryMetricExporter;

beforeEach(async () => {
  redis = await startRedis();
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })] });
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  await provider.shutdown();
  await redis.stop();
});

async function boot(options: RedisAuthMetricsOptions = {}, sessions: object = {}): Promise<void> {
  const module = await Test.createTestingModule({
    imports: [
      RedisAuthModule.forRoot(testOptions({ redis: redis.url, commandTimeout: 2_000, audit: 'off', sessions })),
      RedisAuthMetricsModule.forRoot({ meterProvider: provider, ...options }),
    ],
  }).compile();
  module.useLogger(false);
  app = await module.init();
}

/** What a collection says now: by metric, each series as `key=value …`. */
async function collect(): Promise<Map<string, Map<string, number | Histogram>>> {
  exporter.reset();
  await provider.forceFlush();
  const metrics = exporter
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap((scope) => scope.metrics);
  return new Map(
    metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      new Map(
        dataPoints.map(({ attributes, value }) => [
          Object.entries(attributes)
            .filter(([key]) => key !== 'redis_auth.registration')
            .map(([key, part]) => `${key.replace('redis_auth.', '')}=${String(part)}`)
            .join(' '),
          value as number | Histogram,
        ]),
      ),
    ]),
  );
}

async function series(name: Name, which = ''): Promise<number | undefined> {
  const value = (await collect()).get(METRICS[name].name)?.get(which);
  return typeof value === 'object' ? value.count : value;
}

describe('RedisAuthMetricsModule', () => {
  it('moves each metric when it should, with attributes of few values and no ids', async () => {
    await boot({ liveSessions: { every: '1s' } }, { refreshLeeway: 0 });
    const sessions = app!.get(SessionService);
    const first = await sessions.create('user-ann-1');
    await sessions.create('user-bob-1');
    const second = await sessions.refresh(first.refreshToken);
    await sessions.refresh(second.refreshToken);
    await sessions.refresh(first.refreshToken).catch(() => undefined);
    const cache = app!.get(CacheAdapter);
    await cache.get('cache-key-1');
    await cache.set('cache-key-1', 1, '1m');
    await until(async () => {
      await cache.get('cache-key-1');
      return ((await series('cacheLookups', 'result=local')) ?? 0) > 0;
    });
    const locks = app!.get(DistributedLock);
    const lock = await locks.acquire('lock-key-1', { ttl: '5s' });
    await locks.acquire('lock-key-1', { ttl: '5s', wait: '50 ms' }).catch(() => undefined);
    await lock.release();
    const limiter = app!.get(RateLimiter);
    for (let n = 0; n < 3; n++) await limiter.consume('limit-key-1', { limit: 1, window: '1m' });
    // of the two sessions, that of the reused token has ended
    await until(async () => (await series('liveSessions')) === 1);

    const all = await collect();
    const of = (name: Name): Record<string, number | Histogram> => Object.fromEntries(all.get(METRICS[name].name) ?? []);
    expect(of('operations')).toMatchObject({
      'operation=sessions.create outcome=ok': 2,
      'operation=sessions.refresh outcome=ok': 2,
      'operation=sessions.refresh outcome=refused reason=reused': 1,
      'operation=locks.acquire outcome=busy': 1,
      'operation=rateLimit.consume outcome=ok': 3,
    });
    const latency = of('operationDuration')['operation=sessions.create outcome=ok'] as Histogram;
    expect(latency.count).toBe(2);
    expect(latency.sum).toBeGreaterThan(0);
    expect(latency.sum).toBeLessThan(2);
    expect(of('reuses')).toEqual({ '': 1 });
    expect(of('cacheLookups')).toMatchObject({ 'result=miss': 1, 'result=local': expect.any(Number) as number });
    expect(of('limitDecisions')).toEqual({
      'allowed=true decided_by=redis': 1,
      'allowed=false decided_by=redis': 1,
      'allowed=false decided_by=memory': 1,
    });
    const waits = of('lockWait') as Record<string, Histogram>;
    expect(waits['outcome=ok']).toMatchObject({ count: 1 });
    expect(waits['outcome=busy']!.sum).toBeGreaterThan(0.045);
    expect(of('status')).toEqual({ 'state=up': 1, 'state=degraded': 0, 'state=down': 0 });
    expect(of('stalenessLimit')).toEqual({ '': 5 });
    expect(of('staleness')['']).toBeLessThan(5);
    expect([...all.keys()].sort()).toEqual(
      Object.values(METRICS)
        .map(({ name }) => name)
        .sort(),
    );
    const text = JSON.stringify([...all].map(([name, points]) => [name, [...points.keys()]]));
    for (const id of ['user-ann', 'user-bob', first.sessionId, 'cache-key-1', 'lock-key-1', 'limit-key-1']) expect(text).not.toContain(id);
  });

  it('tells an outage as time, state and staleness that go up, and its end', async () => {
    await boot({ liveSessions: false }, { maxStaleness: '1s' });
    expect(await series('liveSessions')).toBeUndefined();
    const status = app!.get(RedisAuthStatus);
    const killedAt = performance.now();
    await redis.kill();
    await until(() => status.look().state === 'down');
    await app!
      .get(SessionService)
      .create('ann')
      .catch(() => undefined);
    await app!.get(CacheAdapter).get('cache-key-1');
    await app!.get(RateLimiter).consume('limit-key-1', { limit: 1, window: '1m' });
    await until(async () => ((await series('degraded', 'state=down')) ?? 0) > 0.3);
    expect(await series('status', 'state=down')).toBe(1);
    expect(await series('staleness')).toBeGreaterThan(1);
    expect(await series('operations', 'operation=sessions.create outcome=unavailable')).toBe(1);
    expect(await series('cacheLookups', 'result=unavailable')).toBe(1);
    expect(await series('limitDecisions', 'allowed=true decided_by=instance')).toBe(1);

    await redis.restart();
    await until(() => status.look().state === 'up');
    const lasted = (performance.now() - killedAt) / 1000;
    const spent = async (): Promise<number> =>
      ((await series('degraded', 'state=down')) ?? 0) + ((await series('degraded', 'state=degraded')) ?? 0);
    const total = await spent();
    expect(total).toBeGreaterThan(0.3);
    expect(total).toBeLessThan(lasted + 0.3);
    expect(await series('status', 'state=up')).toBe(1);
    expect(await spent()).toBe(total);
    expect(await series('staleness')).toBeLessThan(1);
  });

  it('listens no more once the application is closed, and refuses wrong options', async () => {
    await boot({ liveSessions: false });
    await app!.get(SessionService).create('ann');
    const { operations } = await import('../../../lib/diagnostics/index.js');
    expect(operations.hasSubscribers).toBe(true);
    await app!.close();
    app = undefined;
    expect(operations.hasSubscribers).toBe(false);
    await expect(boot({ liveSessions: { every: '1 ms' } })).rejects.toThrow(RedisAuthConfigError);
  });
});
