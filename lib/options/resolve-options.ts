import { resolveCacheOptions } from './cache-options.js';
import { resolveGuardOptions } from './guard-options.js';
import { DEFAULT_INSTANCE } from './instance-tokens.js';
import { Issues } from './issues.js';
import { resolveJwtOptions } from './jwt-options.js';
import { resolveLockOptions } from './lock-options.js';
import { OptionGroup } from './option-group.js';
import type { RedisAuthModuleOptions } from './options.js';
import { resolveRedisOptions } from './redis-options.js';
import { resolveRateLimitOptions } from './rate-limit-options.js';
import type { ResolvedOptions } from './resolved-options.js';
import { resolveOAuthOptions } from './oauth-options.js';
import { resolveSessionOptions } from './session-options.js';
import { resolveTokenOptions } from './token-options.js';

const MODULE_KEYS = [
  'redis',
  'commandTimeout',
  'keyPrefix',
  'jwt',
  'guard',
  'sessions',
  'tokens',
  'oauth',
  'cache',
  'locks',
  'rateLimit',
  'audit',
  'httpErrors',
  'traceIds',
] as const satisfies readonly (keyof RedisAuthModuleOptions)[];

const MAX_PREFIX_BYTES = 256;

/**
 * Fills in the defaults and checks everything; the options given are not changed.
 *
 * @throws {RedisAuthConfigError} that lists every mistake with the path of its option and how to mend it.
 */
export function resolveOptions(options: RedisAuthModuleOptions, instance: string = DEFAULT_INSTANCE): ResolvedOptions {
  const issues = new Issues();
  if (!/^[\w-]{1,64}$/.test(instance)) issues.add('instance', 'must be 1 to 64 characters of A-Z a-z 0-9 _ -');
  const group = new OptionGroup(options ?? null, '', issues, MODULE_KEYS);
  const jwt = resolveJwtOptions(group.get('jwt'), issues);
  const resolved: ResolvedOptions = {
    instance,
    keyPrefix: resolveKeyPrefix(group, instance),
    commandTimeoutMs: group.integer('commandTimeout', 1000, { min: 1, max: 600_000 }),
    redis: resolveRedisOptions(group.get('redis'), issues),
    jwt,
    guard: resolveGuardOptions(group.get('guard'), issues),
    sessions: resolveSessionOptions(group.get('sessions'), jwt.keys, issues),
    tokens: resolveTokenOptions(group.get('tokens'), issues),
    oauth: resolveOAuthOptions(group.get('oauth'), issues),
    cache: resolveCacheOptions(group.get('cache'), issues),
    locks: resolveLockOptions(group.get('locks'), issues),
    rateLimit: resolveRateLimitOptions(group.get('rateLimit'), issues),
    audit: group.oneOf('audit', ['off', 'warn', 'enforce'], 'warn'),
    httpErrors: group.boolean('httpErrors', true),
    traceIds: group.boolean('traceIds', false),
  };
  issues.throwIfAny();
  return frozenCopy(resolved);
}

export function resolveKeyPrefix(group: OptionGroup, instance: string): string {
  if (!group.has('keyPrefix')) return instance === DEFAULT_INSTANCE ? 'auth:' : `auth:${instance}:`;
  const prefix = group.text('keyPrefix', undefined, MAX_PREFIX_BYTES);
  if (/[{}]/.test(prefix)) group.reject('keyPrefix', 'must hold neither "{" nor "}", which would move keys to other Cluster slots');
  return prefix;
}

/**
 * Copies and freezes what is plain; a key, a client, a function or a Buffer stays what it is. What is undefined is
 * left out, so that it cannot take the place of a default.
 */
function frozenCopy<T>(value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map((entry: unknown) => frozenCopy(entry))) as T;
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.freeze(Object.fromEntries(entries.map(([key, entry]) => [key, frozenCopy(entry)]))) as T;
}
