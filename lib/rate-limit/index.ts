export { RateLimit, type RateLimitTracker, type RouteLimit } from './route-limits.js';
export { RateLimitException } from './rate-limit.exception.js';
export { RateLimitGuard, RateLimitGuardFor } from './rate-limit.guard.js';
export { RateLimiter } from './rate-limiter.js';
export type { RateLimiterOptions, RateLimiterParts } from './rate-limiter-options.js';
export type * from './rate-limit-types.js';
// For the storage of @nestjs/throttler.
export { HITS } from './algorithms.lua.js';
export { rateLimitPrivileges } from './privileges.js';
