import { type DynamicModule, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { RedisAuthMetrics } from './redis-auth-metrics.js';
import type { RedisAuthMetricsOptions } from './metrics-options.js';

/**
 * Metrics of OpenTelemetry about the registrations of RedisAuthModule in this application: `imports:
 * [RedisAuthMetricsModule.forRoot()]`, once, beside RedisAuthModule. It needs `@opentelemetry/api` and, for anything to
 * arrive, a MeterProvider: the global one (set before the application boots), or `meterProvider`.
 */
@Module({})
export class RedisAuthMetricsModule {
  /** The boot rejects for a name that no registration has. @throws RedisAuthConfigError at the boot for wrong options */
  static forRoot(options: RedisAuthMetricsOptions = {}): DynamicModule {
    return {
      module: RedisAuthMetricsModule,
      providers: [
        { provide: RedisAuthMetrics, inject: [ModuleRef], useFactory: (modules: ModuleRef) => new RedisAuthMetrics(modules, options) },
      ],
    };
  }
}
