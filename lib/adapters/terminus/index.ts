export { type HealthCheckOptions, RedisAuthHealthIndicator } from './redis-auth-health-indicator.js';
