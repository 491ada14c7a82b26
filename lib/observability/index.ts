export type { Estimate } from './estimate.js';
export {
  type Statistics,
  type StatisticsOptions,
  StoreStatistics,
  type StoreStatisticsParts,
  type TokenTypeStatistics,
} from './store-statistics.js';
