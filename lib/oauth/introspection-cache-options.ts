import { type Duration, parseDuration, resolveStandalone, type StandaloneOptions } from '../options/index.js';
import { RedisAuthConnection, sharesConnection } from '../redis/index.js';

/** How long results are kept. */
export interface IntrospectionCacheTimes {
  /** No result is kept longer, and none beyond its `exp`. @default '5m' */
  maxTtl?: Duration;
  /** How long it is kept that a token is not active; 0 for not at all. @default '10s' */
  inactiveTtl?: Duration;
}

/** What an IntrospectionCache made by hand takes. */
export interface IntrospectionCacheOptions extends Omit<StandaloneOptions, 'secret'>, IntrospectionCacheTimes {}

/** {@link IntrospectionCacheTimes} in milliseconds. */
export interface IntrospectionCacheSettings {
  readonly maxTtlMs: number;
  readonly inactiveTtlMs: number;
}

/** What an IntrospectionCache works with. */
export interface IntrospectionCacheParts extends IntrospectionCacheSettings {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
  /** Absent where somebody else closes. */
  readonly close?: () => Promise<void>;
}

const OWN_KEYS = ['maxTtl', 'inactiveTtl'] as const satisfies readonly (keyof IntrospectionCacheTimes)[];

/** Milliseconds of the times; every mistake goes to `refuse`. */
export function readCacheTimes(
  times: IntrospectionCacheTimes,
  refuse: (name: string, message: string) => void,
): IntrospectionCacheSettings {
  const read = (name: keyof IntrospectionCacheTimes, fallback: Duration, minMs: number): number => {
    const ms = parseDuration(times[name] ?? fallback);
    if (ms !== undefined && ms >= minMs) return ms;
    refuse(name, `must be a number of seconds, or text with a unit such as "5m"${minMs > 0 ? ', above 0' : ''}`);
    return 0;
  };
  return { maxTtlMs: read('maxTtl', '5m', 1), inactiveTtlMs: read('inactiveTtl', '10s', 0) };
}

/** @throws RedisAuthConfigError that lists every mistake in the options */
export function introspectionCacheParts(options: IntrospectionCacheOptions | IntrospectionCacheParts): IntrospectionCacheParts {
  if (sharesConnection<IntrospectionCacheParts>(options)) return options;
  const { redis, keyPrefix, commandTimeoutMs, maxTtlMs, inactiveTtlMs } = resolveStandalone(options, OWN_KEYS, (values, issues) =>
    readCacheTimes(values, (name, message) => issues.add(name, message)),
  );
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  return { connection, keyPrefix, maxTtlMs, inactiveTtlMs, close: () => connection.close() };
}
