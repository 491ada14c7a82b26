export { RedisAuthMetricsModule } from './redis-auth-metrics.module.js';
export type { LiveSessionsOptions, RedisAuthMetricsOptions } from './metrics-options.js';
