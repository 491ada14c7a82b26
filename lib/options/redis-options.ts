import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { RedisAuthConfigError } from '../errors/index.js';
import { CLUSTER_KEYS, REDIS_KEYS } from './ioredis-keys.js';
import type { Issues } from './issues.js';
import { isIntegerWithin, isObject, OptionGroup } from './option-group.js';
import { parseRedisUrl } from './redis-url.js';
import type { ResolvedConnection } from './resolved-options.js';

type ServerConnection = Exclude<ResolvedConnection, { kind: 'client' }>;

const DEFAULT_URL = 'redis://localhost:6379';
const NOWHERE = { kind: 'standalone', options: {} } as const;
const KEY_PREFIX_PROBLEM = "is ioredis' own prefix, which scripts do not see; leave it out and set keyPrefix beside redis";

export function resolveRedisOptions(value: unknown, issues: Issues): ResolvedConnection {
  if (value === undefined || value === null) return parseRedisUrl(DEFAULT_URL);
  if (typeof value === 'string') return withSentinelTls(readUrl(value, 'redis', issues) ?? NOWHERE);
  if (!isObject(value)) return issues.add('redis', 'must be a URL, the path of a unix socket, or an object') ?? NOWHERE;
  refuseKeyPrefix(value, 'redis', issues);
  if ('client' in value) return resolveClient(value, issues);
  if ('nodes' in value) return resolveCluster(value, issues);
  return 'sentinels' in value ? resolveSentinel(value, issues) : resolveHost(value, issues);
}

function resolveHost(value: Record<string, unknown>, issues: Issues): ResolvedConnection {
  const group = new OptionGroup(value, 'redis', issues, ['url', 'keyPrefix', ...REDIS_KEYS]);
  const { url, keyPrefix: _, ...own } = value;
  checkServerOptions(group);
  if (url === undefined || url === null) return checkUser({ kind: 'standalone', options: own }, issues);
  const target = typeof url === 'string' ? readUrl(url, 'redis.url', issues) : group.reject('url', 'must be a string');
  if (target === undefined) {
    // The password may be in the URL that could not be read.
    if (typeof url !== 'string' || !url.includes('@')) checkUser({ kind: 'standalone', options: own }, issues);
    return NOWHERE;
  }
  // The place is the URL's alone: a stray `path` or `host` must not lead elsewhere.
  const { host: _host, port: _port, path: _path, ...rest } = own as RedisOptions;
  if (target.kind !== 'cluster')
    return checkUser(withSentinelTls({ ...target, options: { ...rest, ...target.options, ...mergedTls(rest, target.options) } }), issues);
  const redisOptions = { ...rest, ...target.options.redisOptions, ...mergedTls(rest, target.options.redisOptions) };
  refuseClusterDb(redisOptions, 'redis.db', issues);
  return checkUser({ ...target, options: { redisOptions } }, issues);
}

function resolveSentinel(value: Record<string, unknown>, issues: Issues): ResolvedConnection {
  const group = new OptionGroup(value, 'redis', issues, ['sentinels', 'name', 'keyPrefix', ...REDIS_KEYS]);
  checkServerOptions(group);
  checkEndpoints(group, 'sentinels');
  group.text('name', undefined, 256);
  const { keyPrefix: _, ...options } = value;
  return checkUser(withSentinelTls({ kind: 'sentinel', options }), issues);
}

function resolveCluster(value: Record<string, unknown>, issues: Issues): ResolvedConnection {
  const group = new OptionGroup(value, 'redis', issues, ['nodes', 'options', 'keyPrefix']);
  const options = new OptionGroup(group.get('options'), 'redis.options', issues, ['keyPrefix', ...CLUSTER_KEYS]);
  const node = new OptionGroup(options.get('redisOptions'), 'redis.options.redisOptions', issues, ['keyPrefix', ...REDIS_KEYS]);
  checkServerOptions(node);
  refuseClusterDb({ db: node.get('db') }, node.at('db'), issues);
  const nodes = checkEndpoints(group, 'nodes');
  return checkUser({ kind: 'cluster', nodes, options: group.get('options') ?? {} }, issues, node.at('password'));
}

function resolveClient(value: Record<string, unknown>, issues: Issues): ResolvedConnection {
  const group = new OptionGroup(value, 'redis', issues, ['client', 'keyPrefix']);
  const client = group.get('client');
  if (!isIoredisClient(client)) return group.reject('client', 'must be a Redis or Cluster of ioredis') ?? NOWHERE;
  const { options } = client;
  const ofNodes = 'redisOptions' in options ? options.redisOptions : undefined;
  if (options.keyPrefix || (ofNodes && 'keyPrefix' in ofNodes && ofNodes.keyPrefix))
    issues.add('redis.client', `has a keyPrefix; that ${KEY_PREFIX_PROBLEM}`);
  return { kind: 'client', client };
}

export function isIoredisClient(value: unknown): value is Redis | Cluster {
  if (!isObject(value)) return false;
  const methods = ['evalsha', 'duplicate', 'on', 'disconnect'].every((name) => typeof value[name] === 'function');
  return methods && isObject(value['options']) && typeof value['status'] === 'string';
}

function refuseKeyPrefix(value: Record<string, unknown>, path: string, issues: Issues): void {
  if (value['keyPrefix']) issues.add(`${path}.keyPrefix`, KEY_PREFIX_PROBLEM);
  for (const nested of ['options', 'redisOptions']) {
    if (isObject(value[nested])) refuseKeyPrefix(value[nested], `${path}.${nested}`, issues);
  }
}

/** What every form shares. The rest of ioredis' options is its own affair. */
function checkServerOptions(group: OptionGroup): void {
  for (const name of ['host', 'path', 'username'] as const) {
    if (group.has(name)) group.text(name, undefined, 1024);
  }
  for (const name of ['password', 'sentinelUsername', 'sentinelPassword'] as const) {
    if (group.has(name) && typeof group.get(name) !== 'string') group.reject(name, 'must be a string');
  }
  if (group.has('port')) group.integer('port', 0, { min: 1, max: 65_535 });
  if (group.has('db')) group.integer('db', 0, { min: 0, max: 0x7fffffff });
  for (const name of ['connectTimeout', 'commandTimeout', 'socketTimeout'] as const) {
    if (group.has(name)) group.integer(name, 0, { min: 1, max: 0x7fffffff });
  }
  for (const name of ['tls', 'sentinelTLS'] as const) {
    if (group.has(name) && !isObject(group.get(name))) group.reject(name, 'must be an object of TLS options; {} for the defaults');
  }
}

function checkEndpoints(group: OptionGroup, key: string): { host: string; port: number }[] {
  const list = group.get(key);
  const isEndpoint = (entry: unknown): entry is { host: string; port: number } =>
    isObject(entry) && typeof entry['host'] === 'string' && entry['host'] !== '' && isIntegerWithin(entry['port'], { min: 1, max: 65_535 });
  if (Array.isArray(list) && list.length > 0 && list.every(isEndpoint)) return list;
  return group.reject(key, 'must be a list of at least one { host, port }') ?? [];
}

function refuseClusterDb({ db }: { db?: unknown }, path: string, issues: Issues): void {
  if (db !== undefined && db !== 0) issues.add(path, 'a Cluster has database 0 alone; leave it out');
}

/** ioredis does not authenticate at all without a password, and the connection would silently be the default user's. */
function checkUser(connection: ServerConnection, issues: Issues, path = 'redis.password'): ResolvedConnection {
  const { username, password } = connection.kind === 'cluster' ? (connection.options.redisOptions ?? {}) : connection.options;
  if (username && !password) issues.add(path, 'is required with a username');
  return connection;
}

function mergedTls(own: RedisOptions, ofUrl: { tls?: RedisOptions['tls'] } = {}): Pick<RedisOptions, 'tls'> {
  const tls = own.tls ?? ofUrl.tls;
  return tls ? { tls } : {};
}

/** `tls` is for Sentinels and data nodes alike, unless told apart: ioredis alone would speak plain text to both. */
function withSentinelTls<T extends ServerConnection>(connection: T): T {
  if (connection.kind !== 'sentinel' || !connection.options.tls) return connection;
  const { tls } = connection.options;
  return { ...connection, options: { sentinelTLS: tls, enableTLSForSentinelMode: true, ...connection.options } };
}

function readUrl(url: string, path: string, issues: Issues): ReturnType<typeof parseRedisUrl> | undefined {
  try {
    return parseRedisUrl(url, path);
  } catch (error) {
    if (!(error instanceof RedisAuthConfigError)) throw error;
    for (const issue of error.issues) issues.add(issue.path, issue.message);
    return undefined;
  }
}
