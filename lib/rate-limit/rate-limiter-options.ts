import {
  type RateLimitOptions,
  type ResolvedRateLimitOptions,
  resolveRateLimitOptions,
  resolveStandalone,
  type StandaloneOptions,
} from '../options/index.js';
import { RedisAuthConnection, sharesConnection } from '../redis/index.js';

/** What a RateLimiter made by hand takes. */
export interface RateLimiterOptions extends Omit<StandaloneOptions, 'secret'>, RateLimitOptions {}

/** What a RateLimiter works with. */
export interface RateLimiterParts {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
  readonly rateLimit: ResolvedRateLimitOptions;
  /** Absent where somebody else closes. */
  readonly close?: () => Promise<void>;
}

const OWN_KEYS = ['instances', 'ipv6Prefix', 'allow'] as const satisfies readonly (keyof RateLimitOptions)[];

export function rateLimiterParts(options: RateLimiterOptions | RateLimiterParts): RateLimiterParts {
  if (sharesConnection<RateLimiterParts>(options)) return options;
  const { redis, keyPrefix, commandTimeoutMs, rateLimit } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    rateLimit: resolveRateLimitOptions(values, issues),
  }));
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  return { connection, keyPrefix, rateLimit, close: () => connection.close() };
}
