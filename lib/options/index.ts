export type * from './options.js';
export type * from './resolved-options.js';
export { type ConfigOverrides, type ConfigSource, redisAuthOptionsFromConfig } from './config-options.js';
export { parseDuration } from './duration.js';
export { DEFAULT_INSTANCE, type InstancePart, instanceToken } from './instance-tokens.js';
export { parseRedisUrl } from './redis-url.js';
export { resolveOptions } from './resolve-options.js';
