import type { KeyObject } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { Issues } from './issues.js';
import { readSecret } from './key-material.js';
import { OptionGroup } from './option-group.js';
import type { KeyInput, RedisConnection } from './options.js';
import { isIoredisClient, resolveRedisOptions } from './redis-options.js';
import type { ResolvedConnection } from './resolved-options.js';
import { resolveKeyPrefix } from './resolve-options.js';
import { DEFAULT_INSTANCE } from './instance-tokens.js';

/** What a store needs that is made by hand rather than by the module. */
export interface StandaloneOptions {
  /** Every form the module takes, or a client of ioredis, which stays the caller's. @default 'redis://localhost:6379' */
  redis?: RedisConnection | Redis | Cluster;
  /** @default 'auth:' */
  keyPrefix?: string;
  /** Milliseconds; bounds each call as a whole. @default 1000 */
  commandTimeout?: number;
  /** At least 32 bytes, the same in every process; keys are derived from it. The module takes its signing keys. */
  secret?: KeyInput;
}

export interface ResolvedStandaloneOptions {
  readonly redis: ResolvedConnection;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
  readonly secret: KeyObject | undefined;
}

const STANDALONE_KEYS = ['redis', 'keyPrefix', 'commandTimeout', 'secret'] as const satisfies readonly (keyof StandaloneOptions)[];

/**
 * Checks the options of a store made by hand; `own` are its further keys, which `rest` reads.
 *
 * @throws {RedisAuthConfigError} that lists every mistake
 */
export function resolveStandalone<Rest>(
  options: unknown,
  own: readonly string[],
  rest: (values: Record<string, unknown>, issues: Issues) => Rest,
): ResolvedStandaloneOptions & Rest {
  const issues = new Issues();
  const group = new OptionGroup(options ?? undefined, '', issues, [...STANDALONE_KEYS, ...own]);
  const redis = group.get('redis');
  const resolved = {
    redis: resolveRedisOptions(isIoredisClient(redis) ? { client: redis } : redis, issues),
    keyPrefix: resolveKeyPrefix(group, DEFAULT_INSTANCE),
    commandTimeoutMs: group.integer('commandTimeout', 1000, { min: 1, max: 600_000 }),
    secret: resolveSecret(group),
    ...rest(Object.fromEntries(own.filter((key) => group.has(key)).map((key) => [key, group.get(key)])), issues),
  };
  issues.throwIfAny();
  return resolved;
}

function resolveSecret(group: OptionGroup): KeyObject | undefined {
  if (!group.has('secret')) return undefined;
  const { key, problem } = readSecret(group.get('secret'));
  if (key === undefined) group.reject('secret', problem);
  return key;
}
