import type { Duration } from './options.js';

/** Opaque tokens. */
export interface TokenOptions {
  /** Life of a token whose `create` gives no `ttl`. @default '24h' */
  defaultTtl?: Duration;
  /** Bound of a token's data as JSON, in bytes. @default 16384 */
  maxDataBytes?: number;
}

/** One key of the encryption at rest. */
export interface EncryptionKey {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`; stored beside what it encrypts. */
  id: string;
  /** At least 32 bytes of secret; the AES key is derived from it. */
  key: string | Buffer;
}

/** Encryption at rest by the application's own functions. */
export interface EncryptionHooks {
  encrypt: (plaintext: string) => string | Promise<string>;
  decrypt: (stored: string) => string | Promise<string>;
}

/** Tokens and credentials that other servers issued to this application. */
export interface OAuthOptions {
  /** Life of every stored access token, whatever its expiry says. @default that of the token */
  ttl?: Duration;
  /** Life of an access token without an expiry of its own. @default '24h' */
  defaultTtl?: Duration;
  /** How long a refresh token is kept after its access token was saved, unless `ttl` says otherwise. @default '30d' */
  refreshTtl?: Duration;
  /** Keys of AES-256-GCM (the first encrypts, all decrypt), or functions of your own. @default a key derived from each signing key */
  encryption?: { keys: EncryptionKey[] } | EncryptionHooks;
}

/** The cache. */
export interface CacheOptions {
  /** What `acquireLock` answers while Redis cannot be asked: false, true, or a LockStoreUnavailableError. @default 'deny' */
  lockOnUnavailable?: 'deny' | 'allow' | 'throw';
  /** Bound of the in-process tier, in bytes; 0 switches it off. @default 16777216 */
  localMaxBytes?: number;
  /** How old a value of the in-process tier may be, counted from an acknowledged invalidation. @default '2s' */
  localMaxStaleness?: Duration;
  /** Values of at least so many bytes are compressed; 0 never. @default 0 */
  compressAbove?: number;
}

/** Locks. */
export interface LockOptions {
  /** How long `acquire` and `using` wait, unless told otherwise. @default '10s' */
  wait?: Duration;
  /** How many replicas must have a lock before it counts as held; 0 = none. @default 0 */
  minReplicas?: number;
}

/** Rate limits. */
export interface RateLimitOptions {
  /** How many instances share the limits: while Redis is down, each allows max(1, floor(limit / instances)). @default 1 */
  instances?: number;
  /** IPv6 addresses of one network count as one: bits of its prefix. @default 64 */
  ipv6Prefix?: number;
  /** Addresses that are not limited, as `10.0.0.0/8` or `::1`. @default [] */
  allow?: string[];
}
