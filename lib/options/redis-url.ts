import type { RedisOptions } from 'ioredis';
import { RedisAuthConfigError } from '../errors/index.js';
import type { ResolvedConnection } from './resolved-options.js';

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

/** An @ and then a comma before the last @: most likely each host of a list has the credentials, and only the last would be used. */
const REPEATED_CREDENTIALS = /@[^,]*,/;

type Endpoint = { host: string; port: number };
type UrlConnection = Exclude<ResolvedConnection, { kind: 'client' }>;
type Credentials = Pick<RedisOptions, 'username' | 'password'>;

/**
 * Reads every URL form: one server (`redis://`, `rediss://`, with credentials and a database number), a unix socket
 * (`/run/redis.sock`, `unix://user:pw@/run/redis.sock?db=1`), Sentinels (`redis://s1,s2,s3/mymaster`), a Cluster
 * (`redis://n1,n2,n3`). Credentials are percent-decoded; those of a Sentinel URL are the data nodes'.
 *
 * @throws {RedisAuthConfigError} with `path`; the message quotes nothing of the URL, which may hold a password.
 */
export function parseRedisUrl(url: string, path = 'redis'): UrlConnection {
  const socket = /^(?:unix:(?:\/\/([^/]*))?)?(\/[^?]*)(?:\?(.*))?$/is.exec(url);
  const parsed = socket === null ? parseNetworkUrl(url) : parseSocket(url, socket);
  if (typeof parsed === 'string') throw new RedisAuthConfigError([{ path, message: parsed }]);
  return parsed;
}

function parseSocket(url: string, [, userInfo = '', path = '', query]: RegExpExecArray): UrlConnection | string {
  if (url.startsWith('/')) return { kind: 'standalone', options: { path: url } };
  if (userInfo !== '' && !userInfo.endsWith('@')) return 'a unix socket has no host; write unix:///path/to.sock';
  const credentials = parseCredentials(userInfo.slice(0, -1));
  if (typeof credentials === 'string') return credentials;
  const db = query === undefined ? undefined : /^db=(\d{1,9})$/.exec(query)?.[1];
  if (query !== undefined && db === undefined) return 'the only thing that can follow "?" after a unix socket is db=<number>';
  const decoded = decode(path);
  if (decoded === undefined) return 'the path of the unix socket is not percent-encoded correctly; write % as %25';
  return { kind: 'standalone', options: { path: decoded, ...credentials, ...(db !== undefined && { db: Number(db) }) } };
}

function parseNetworkUrl(url: string): UrlConnection | string {
  const [, scheme, rest = ''] = /^(rediss?):\/\/(.*)$/is.exec(url) ?? [];
  if (scheme === undefined) return 'must begin with redis://, rediss:// (TLS), or be the path of a unix socket (/run/redis.sock)';
  // The last @ ends the credentials: passwords are often written with a raw @, / or #.
  const at = rest.lastIndexOf('@');
  const userInfo = rest.slice(0, Math.max(at, 0));
  if (REPEATED_CREDENTIALS.test(userInfo))
    return 'write the credentials once, before the first host; in a user name or password, write @ as %40 and "," as %2C';
  const credentials = parseCredentials(userInfo);
  if (typeof credentials === 'string') return credentials;
  const [, hostList = '', rawPath = '', query] = /^([^/?#]*)\/?([^?#]*)(?:\?([^#]*))?$/s.exec(rest.slice(at + 1)) ?? [];
  if (hostList === '') return 'names no host; write redis://host:6379';
  const family = query === undefined ? undefined : /^family=([046])$/.exec(query)?.[1];
  if (query !== undefined && family === undefined)
    return 'options after "?" are not read (but family=4, 6 or 0); give them as { url, ... } beside the url';
  const path = decode(rawPath);
  if (path === undefined) return 'the path is not percent-encoded correctly; write % as %25';

  const hosts = hostList.split(',');
  const isDb = /^\d{1,9}$/.test(path);
  if (hosts.length > 1 && isDb)
    return 'a list of hosts with a database number is neither a Cluster (no path) nor Sentinels (the path is the name of the master)';
  if (hosts.length === 1 && path !== '' && !isDb)
    return 'the path of a single host must be a database number; the name of a master needs a list of Sentinels (for one, use { sentinels, name })';

  const isSentinel = hosts.length > 1 && path !== '';
  const endpoints = hosts.map((host) => parseEndpoint(host, isSentinel ? SENTINEL_PORT : REDIS_PORT));
  const broken = endpoints.findIndex((endpoint) => endpoint === undefined);
  if (broken >= 0)
    return `host ${broken + 1} of ${hosts.length} must be written as name:port, address:port or [IPv6 address]:port, the port from 1 to 65535; special characters of a password are percent-encoded (@ as %40)`;

  const common: RedisOptions = {
    ...credentials,
    ...(scheme.toLowerCase() === 'rediss' && { tls: {} }),
    ...(family !== undefined && { family: Number(family) }),
  };
  return connectionTo(endpoints as Endpoint[], path, common);
}

function connectionTo(endpoints: Endpoint[], path: string, common: RedisOptions): UrlConnection {
  if (endpoints.length === 1) {
    return { kind: 'standalone', options: { ...endpoints[0], ...common, ...(path !== '' && { db: Number(path) }) } };
  }
  if (path !== '') return { kind: 'sentinel', options: { ...common, sentinels: endpoints, name: path } };
  return { kind: 'cluster', nodes: endpoints, options: { redisOptions: common } };
}

function parseCredentials(userInfo: string): Credentials | string {
  if (userInfo === '' || userInfo === ':') return {};
  const colon = userInfo.indexOf(':');
  const username = decode(colon < 0 ? userInfo : userInfo.slice(0, colon));
  const password = decode(colon < 0 ? '' : userInfo.slice(colon + 1));
  if (username === undefined || password === undefined) return 'user name or password is not percent-encoded correctly; write % as %25';
  // ioredis would not authenticate at all, and silently be the default user.
  if (password === '') return 'has a user name without a password; write user:password@host, or :password@host for the default user';
  return { ...(username !== '' && { username }), password };
}

function parseEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  const [, v6, name, digits] = /^(?:\[([\da-f:.]+(?:%[\w.-]+)?)\]|([^\s:[\]@]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = v6 ?? name;
  const port = digits === undefined ? defaultPort : Number(digits);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
