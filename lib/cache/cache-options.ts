import {
  resolveCacheOptions,
  resolveStandalone,
  type CacheOptions,
  type ResolvedCacheOptions,
  type StandaloneOptions,
} from '../options/index.js';
import { RedisAuthConnection, sharesConnection } from '../redis/index.js';

/** What a CacheAdapter made by hand takes. */
export interface CacheAdapterOptions extends Omit<StandaloneOptions, 'secret'>, CacheOptions {}

/** What a CacheAdapter works with. */
export interface CacheAdapterParts {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
  readonly cache: ResolvedCacheOptions;
  /** Absent where somebody else closes. */
  readonly close?: () => Promise<void>;
}

const OWN_KEYS = [
  'lockOnUnavailable',
  'localMaxBytes',
  'localMaxStaleness',
  'compressAbove',
] as const satisfies readonly (keyof CacheOptions)[];

export function cacheAdapterParts(options: CacheAdapterOptions | CacheAdapterParts): CacheAdapterParts {
  if (sharesConnection<CacheAdapterParts>(options)) return options;
  const { redis, keyPrefix, commandTimeoutMs, cache } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    cache: resolveCacheOptions(values, issues),
  }));
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  return { connection, keyPrefix, cache, close: () => connection.close() };
}
