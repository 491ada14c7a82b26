export { CacheAdapter } from './cache-adapter.js';
export type { CacheAdapterOptions, CacheAdapterParts } from './cache-options.js';
export type { CacheEvent, GetOrSetOptions, LoaderContext } from './cache-types.js';
export { CACHED_ROUTES, Cached, type CachedOptions } from './cached.decorator.js';
export { cachePrivileges } from './privileges.js';
