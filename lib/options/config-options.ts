import { RedisAuthConfigError } from '../errors/index.js';
import { Issues } from './issues.js';
import { isObject } from './option-group.js';
import type { JwtOptions, RedisAuthModuleOptions } from './options.js';
import { resolveOptions } from './resolve-options.js';

/** Where variables come from: `ConfigService` of @nestjs/config, or anything with a `get`. */
export interface ConfigSource {
  get(key: string): unknown;
}

/** Options set in code: any of them, and of `jwt` any part. */
export type ConfigOverrides = Partial<Omit<RedisAuthModuleOptions, 'jwt'>> & { jwt?: Partial<JwtOptions> };

type Reader = (text: string) => unknown;

/** Which variable sets which option. What a reader cannot make sense of it hands on, to be refused with the rest. */
const VARIABLES: readonly (readonly [variable: string, option: string, read: Reader])[] = [
  ['REDIS_URL', 'redis.url', text],
  ['REDIS_HOST', 'redis.host', text],
  ['REDIS_PORT', 'redis.port', number],
  ['REDIS_USERNAME', 'redis.username', text],
  ['REDIS_PASSWORD', 'redis.password', verbatim],
  ['REDIS_DB', 'redis.db', number],
  ['REDIS_TLS', 'redis.tls', tls],
  ['REDIS_CONNECT_TIMEOUT', 'redis.connectTimeout', number],
  ['REDIS_COMMAND_TIMEOUT', 'commandTimeout', number],
  ['REDIS_KEY_PREFIX', 'keyPrefix', verbatim],
  ['JWT_SECRET', 'jwt.secret', verbatim],
  ['JWT_PRIVATE_KEY', 'jwt.privateKey', pem],
  ['JWT_PUBLIC_KEY', 'jwt.publicKey', pem],
  ['JWT_ALGORITHM', 'jwt.algorithm', text],
  ['JWT_ISSUER', 'jwt.issuer', text],
  ['JWT_AUDIENCE', 'jwt.audience', list],
  ['JWT_CLOCK_TOLERANCE', 'jwt.clockTolerance', duration],
  ['SESSION_ACCESS_TOKEN_TTL', 'sessions.accessTokenTtl', duration],
  ['SESSION_IDLE_TIMEOUT', 'sessions.idleTimeout', duration],
  ['SESSION_ABSOLUTE_TIMEOUT', 'sessions.absoluteTimeout', duration],
  ['SESSION_LIMIT', 'sessions.limit', limit],
  ['SESSION_REFRESH_LEEWAY', 'sessions.refreshLeeway', duration],
  ['SESSION_REFRESH_KEYS', 'sessions.refreshKeys', refreshKeys],
  ['SESSION_TOUCH_INTERVAL', 'sessions.touchInterval', duration],
  ['SESSION_REVOCATION', 'sessions.revocation', text],
  ['SESSION_MAX_STALENESS', 'sessions.maxStaleness', duration],
  ['SESSION_ON_STORE_UNAVAILABLE', 'sessions.onStoreUnavailable', onStoreUnavailable],
  ['SESSION_KEYSPACE_NOTIFICATIONS', 'sessions.keyspaceNotifications', boolean],
  ['SESSION_MAX_DATA_BYTES', 'sessions.maxDataBytes', number],
  ['SESSION_MAX_CLAIMS_BYTES', 'sessions.maxClaimsBytes', number],
];

/**
 * The module's options from environment variables: `REDIS_URL`, or `REDIS_HOST`, `_PORT`, `_USERNAME`, `_PASSWORD`,
 * `_DB` and `_TLS`; `REDIS_KEY_PREFIX`; `REDIS_CONNECT_TIMEOUT` and `REDIS_COMMAND_TIMEOUT` in milliseconds;
 * `JWT_SECRET`, or `JWT_PRIVATE_KEY` and `JWT_PUBLIC_KEY` (PEM, line breaks may be written `\n`); `JWT_ALGORITHM`,
 * `JWT_ISSUER`, `JWT_AUDIENCE` (separated by commas), `JWT_CLOCK_TOLERANCE`; and `SESSION_` with the name of each session
 * option, as in `SESSION_IDLE_TIMEOUT=7d`, `SESSION_LIMIT=3` or `3:reject`, `SESSION_REFRESH_KEYS=kid:secret,kid:secret`.
 *
 * Durations without a unit are seconds; an empty variable counts as not set. `overrides` win, option by option within
 * `jwt`, `sessions` and `guard`, as a whole elsewhere; an override of the key (`secret`, `privateKey`, `publicKey` or
 * `keys`) replaces the key of the variables.
 *
 * @throws {RedisAuthConfigError} that lists every mistake, by the name of its variable where one set it.
 */
export function redisAuthOptionsFromConfig(config: ConfigSource, overrides: ConfigOverrides = {}): RedisAuthModuleOptions {
  const options: Record<string, unknown> = {};
  for (const [variable, option, read] of VARIABLES) {
    const raw = config.get(variable);
    if (raw === undefined || raw === null || raw === '') continue;
    set(options, option, isScalar(raw) ? read(String(raw)) : raw);
  }
  const merged = merge(options, overrides);
  check(merged, overrides);
  return merged;
}

function check(options: RedisAuthModuleOptions, overrides: ConfigOverrides): void {
  try {
    resolveOptions(options);
  } catch (error) {
    if (!(error instanceof RedisAuthConfigError)) throw error;
    const issues = new Issues();
    for (const { path, message } of error.issues) issues.add(nameOf(path, overrides), message);
    issues.throwIfAny();
  }
}

/** The variable that sets the option at `path`; the path itself where an override does. */
function nameOf(path: string, overrides: ConfigOverrides): string {
  const entry = VARIABLES.find(([, option]) => path === option || path.startsWith(`${option}.`) || path.startsWith(`${option}[`));
  if (entry === undefined) return path;
  const [variable, option] = entry;
  return isOverridden(option, overrides) ? path : variable;
}

function isOverridden(option: string, overrides: ConfigOverrides): boolean {
  const [name = '', key] = option.split('.');
  const value: unknown = Reflect.get(overrides, name);
  return MERGED.has(name) && key !== undefined && isObject(value) ? value[key] !== undefined : value !== undefined;
}

function set(options: Record<string, unknown>, option: string, value: unknown): void {
  const [group = '', key] = option.split('.');
  if (key === undefined) options[group] = value;
  else options[group] = { ...(options[group] as object | undefined), [key]: value };
}

/** Groups in which an override replaces single options. */
const MERGED: ReadonlySet<string> = new Set(['jwt', 'sessions', 'guard']);

const KEY_OPTIONS = ['secret', 'privateKey', 'publicKey', 'keys'];

function merge(options: Record<string, unknown>, overrides: ConfigOverrides): RedisAuthModuleOptions {
  const merged: Record<string, unknown> = { ...options };
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const base = merged[name];
    const isGroup = MERGED.has(name) && isObject(base) && isObject(value);
    merged[name] = isGroup ? { ...(name === 'jwt' ? withoutReplacedKey(base, value) : base), ...value } : value;
  }
  return merged as unknown as RedisAuthModuleOptions;
}

function withoutReplacedKey(base: Record<string, unknown>, override: Record<string, unknown>): Record<string, unknown> {
  if (!KEY_OPTIONS.some((name) => override[name] !== undefined)) return base;
  return Object.fromEntries(Object.entries(base).filter(([name]) => !KEY_OPTIONS.includes(name)));
}

/** A ConfigService with a schema hands out numbers and booleans, too. */
function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function verbatim(value: string): string {
  return value;
}

function text(value: string): string {
  return value.trim();
}

function pem(value: string): string {
  return value.replaceAll(String.raw`\n`, '\n');
}

function number(value: string): unknown {
  return /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
}

function boolean(value: string): unknown {
  const word = value.trim().toLowerCase();
  if (word === 'true' || word === '1') return true;
  return word === 'false' || word === '0' ? false : value;
}

function tls(value: string): unknown {
  const wanted = boolean(value);
  if (typeof wanted !== 'boolean') return value;
  return wanted ? {} : undefined;
}

function duration(value: string): unknown {
  return /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : value;
}

function list(value: string): string[] {
  return value.split(',').map((entry) => entry.trim());
}

function limit(value: string): unknown {
  const [max = '', ...onExceeded] = value.split(':').map((part) => part.trim());
  return onExceeded.length === 0 ? number(max) : { max: number(max), onExceeded: onExceeded.join(':') };
}

function refreshKeys(value: string): unknown {
  return value.split(',').map((entry) => {
    const [kid = '', ...secret] = entry.split(':');
    return { kid: kid.trim(), secret: secret.join(':') };
  });
}

function onStoreUnavailable(value: string): unknown {
  return value.trim() === 'reject' ? 'reject' : { serveFor: duration(value) };
}
