export { RedisThrottlerStorage } from './redis-throttler-storage.js';
