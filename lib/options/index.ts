export type * from './options.js';
export type * from './resolved-options.js';
export { type ConfigOverrides, type ConfigSource, redisAuthOptionsFromConfig } from './config-options.js';
export { COOKIE_NAME_RULE, isCookieName } from './cookie-name.js';
export { parseDuration } from './duration.js';
export { DEFAULT_INSTANCE, type InstancePart, instanceToken } from './instance-tokens.js';
export { parseRedisUrl } from './redis-url.js';
export { resolveOptions } from './resolve-options.js';
export { isScope, isText, isWellFormed } from './text.js';
