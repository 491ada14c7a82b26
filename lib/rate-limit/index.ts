export { RateLimiter } from './rate-limiter.js';
export type { RateLimiterOptions, RateLimiterParts } from './rate-limiter-options.js';
export type * from './rate-limit-types.js';
