export type { Estimate } from './estimate.js';
export {
  type Statistics,
  type StatisticsOptions,
  StoreStatistics,
  type StoreStatisticsParts,
  type TokenTypeStatistics,
} from './store-statistics.js';
export { statisticsPrivileges } from './privileges.js';
export { type Health, type HealthReason, RedisAuthStatus, type Status } from './redis-auth-status.js';
