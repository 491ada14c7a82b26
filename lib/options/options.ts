import type { KeyObject } from 'node:crypto';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { CacheOptions, LockOptions, OAuthOptions, RateLimitOptions, TokenOptions } from './service-options.js';

/**
 * A length of time: a number of SECONDS, or a string with its unit: `'500 ms'`, `'15m'`, `'15 minutes'`,
 * `'3 days'`, `'1 year'` (365 days). Digits alone in a string are a mistake in code (and seconds in an environment variable).
 */
export type Duration = number | string;

/** Signature algorithms of access tokens. `none` is not among them and never will be. */
export type Algorithm =
  'HS256' | 'HS384' | 'HS512' | 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA';

/** Where Redis is. See the README for every form. */
export type RedisConnection = string | RedisHostOptions | RedisClusterOptions | RedisSentinelOptions | RedisClientOptions;

/**
 * One server. Besides `url`, the `RedisOptions` of ioredis: what is set here wins over the package's profile, but for
 * `lazyConnect`, `replyMapping` and `stringNumbers`, which have no effect.
 */
export interface RedisHostOptions extends Omit<RedisOptions, 'keyPrefix' | 'sentinels' | 'name'> {
  /** Any URL form; wins over `host` and `port`. */
  url?: string;
}

/** A Redis Cluster, by some of its nodes. */
export interface RedisClusterOptions {
  nodes: { host: string; port: number }[];
  options?: ClusterOptions;
}

/** A master watched by Sentinels. `username` and `password` are those of the data nodes. */
export interface RedisSentinelOptions extends Omit<RedisOptions, 'keyPrefix' | 'sentinels' | 'name'> {
  sentinels: { host: string; port: number }[];
  /** Name of the master. */
  name: string;
}

/** The application's own client: used as it is, never closed by this package. */
export interface RedisClientOptions {
  client: Redis | Cluster;
}

/** A secret or key as the application holds it: text, PEM, bytes, or a KeyObject. */
export type KeyInput = string | Buffer | KeyObject;

/** One of several keys, told apart by `kid`. */
export interface JwtKey {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`. */
  kid: string;
  secret?: KeyInput;
  privateKey?: KeyInput;
  publicKey?: KeyInput;
  algorithm?: Algorithm;
}

/** How access tokens are signed and what they must say. One of `secret`, `privateKey`/`publicKey`, `keys`. */
export interface JwtOptions {
  /** HMAC secret of at least 32 bytes. */
  secret?: KeyInput;
  /** Signs; the public key is derived from it when `publicKey` is absent. */
  privateKey?: KeyInput;
  /** Verifies. Alone, the module verifies only: issuing throws a RedisAuthConfigError. */
  publicKey?: KeyInput;
  /** The first signs, all verify, by `kid`. */
  keys?: JwtKey[];
  /** Pinned. @default 'HS256' for a secret, by the type of the key otherwise */
  algorithm?: Algorithm;
  /** `iss` of every token, and the only one accepted. */
  issuer: string;
  /** `aud` of every token; a token must name one of these. */
  audience: string | string[];
  /** Allowed difference of clocks between signer and verifier, for iat, nbf and exp; at most an hour. @default '5s' */
  clockTolerance?: Duration;
}

/** What a sign-in beyond the limit does. */
export interface SessionLimit {
  /** Sessions at once per user (within its tenant). */
  max: number;
  /** `evict-oldest` ends the earliest sign-in, `evict-idle` the longest unused, `reject` throws SessionLimitError. */
  onExceeded: 'evict-oldest' | 'evict-idle' | 'reject';
}

/** A MAC key of refresh tokens. */
export interface RefreshKey {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`. */
  kid: string;
  /** At least 32 bytes. */
  secret: KeyInput;
}

/** How long sessions live, how many a user may have, and how their end is noticed. */
export interface SessionOptions {
  /** @default '15m' */
  accessTokenTtl?: Duration;
  /** Sliding, moved by refresh and by touch. @default '7d' */
  idleTimeout?: Duration;
  /** From sign-in, never moved. @default '30d' */
  absoluteTimeout?: Duration;
  /** Concurrent sessions per user; a number n is `{ max: n, onExceeded: 'evict-oldest' }`. @default no limit */
  limit?: number | SessionLimit;
  /** How long the previous refresh token is honoured while its successor is unused. @default '10s' */
  refreshLeeway?: Duration;
  /** MAC keys of refresh tokens; the first mints, all verify. @default derived from each signing key (HKDF) */
  refreshKeys?: RefreshKey[];
  /** At most one touch write per session in it, per instance. @default '60s' */
  touchInterval?: Duration;
  /**
   * `local` keeps in memory what was revoked of late, fed by a stream, so that verifying costs no command; `remote` asks
   * Redis on each verify; `off` trusts the signature until exp. @default 'local'
   */
  revocation?: 'local' | 'remote' | 'off';
  /** With `local`: how long a revocation may take to be heard, at the very worst; beyond it Redis is asked. @default '5s' */
  maxStaleness?: Duration;
  /**
   * While Redis would have to be asked and does not answer: `reject` = StoreUnavailableError (503); `serveFor` (with
   * `local`) goes on by what is known, counted from the feed's last answer. The bound is then the longer of the two. @default 'reject'
   */
  onStoreUnavailable?: 'reject' | { serveFor: Duration };
  /** Switch on keyspace notifications so that `expired` events are prompt; nothing depends on it. @default false */
  keyspaceNotifications?: boolean;
  /** Bound of a session's private data as JSON, in bytes. @default 16384 */
  maxDataBytes?: number;
  /** Bound of a session's claims as JSON, in bytes. @default 4096 */
  maxClaimsBytes?: number;
}

/**
 * Reads a credential from a request; null where there is none. A `JwtFromRequestFunction` of passport-jwt fits.
 *
 * What it returns counts like a bearer token: there is no check against cross-site requests, not even where it reads a
 * cookie. Use `'cookie'` for that, or check in your own code.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- each platform has a request type of its own, and a function of any of them fits
export type Extractor = (request: any) => string | null;

/** What is known of a session from its verified access token. */
export interface VerifiedSession {
  userId: string;
  /** Public: may be shown, never authenticates. */
  sessionId: string;
  tenant?: string;
  claims: Record<string, unknown>;
  scopes: string[];
  issuedAt: Date;
  /** `exp` of this token. */
  expiresAt: Date;
  /** Seconds until then. */
  ttl: number;
  authTime: Date;
  /** Private data; only when asked for. */
  data?: Record<string, unknown>;
}

/** Where the guard finds the access token, and what it makes of it. */
export interface GuardOptions {
  /** Where the access token is looked for; two differing credentials are refused. @default ['bearer'] */
  from?: ('bearer' | 'cookie' | Extractor)[];
  cookie?: {
    /** Without its `__Host-`. @default 'access_token' */
    name?: string;
  };
  /** Touch the session on each guarded request (throttled by `sessions.touchInterval`). @default false */
  touch?: boolean;
  /** Makes `request.user` of the session; null is a 401. @default the VerifiedSession itself */
  userLoader?: (session: VerifiedSession) => unknown;
}

/** What the module is configured with; every mistake in it stops the boot with one RedisAuthConfigError. */
export interface RedisAuthModuleOptions {
  /** @default 'redis://localhost:6379' */
  redis?: RedisConnection;
  /** Milliseconds; bounds each public call as a whole. @default 1000 */
  commandTimeout?: number;
  /** At most 256 bytes, no braces. @default 'auth:', or 'auth:X:' for the instance X */
  keyPrefix?: string;
  jwt: JwtOptions;
  guard?: GuardOptions;
  sessions?: SessionOptions;
  tokens?: TokenOptions;
  oauth?: OAuthOptions;
  cache?: CacheOptions;
  locks?: LockOptions;
  rateLimit?: RateLimitOptions;
  /** Boot audit: `warn` logs what it finds, `enforce` refuses to start. @default 'warn' */
  audit?: 'off' | 'warn' | 'enforce';
  /** Register RedisAuthExceptionFilter for the application. @default true */
  httpErrors?: boolean;
  /** Let diagnostics channels tell ids of users and sessions, too. @default false */
  traceIds?: boolean;
}

/** Implemented by the class given as `useClass` or `useExisting`. */
export interface RedisAuthOptionsFactory {
  createRedisAuthOptions(): RedisAuthModuleOptions | Promise<RedisAuthModuleOptions>;
}
