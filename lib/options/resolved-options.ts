import type { KeyObject } from 'node:crypto';
import type { ClusterOptions, Cluster, Redis, RedisOptions } from 'ioredis';
import type { Algorithm, Extractor, SessionLimit, VerifiedSession } from './options.js';
import type { EncryptionHooks } from './service-options.js';

/** The options after defaults and validation: every duration in milliseconds, every key a KeyObject, frozen. */
export interface ResolvedOptions {
  readonly instance: string;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
  readonly redis: ResolvedConnection;
  readonly jwt: ResolvedJwtOptions;
  readonly guard: ResolvedGuardOptions;
  readonly sessions: ResolvedSessionOptions;
  readonly tokens: ResolvedTokenOptions;
  readonly oauth: ResolvedOAuthOptions;
  readonly cache: ResolvedCacheOptions;
  readonly locks: ResolvedLockOptions;
  readonly rateLimit: ResolvedRateLimitOptions;
  readonly audit: 'off' | 'warn' | 'enforce';
  readonly httpErrors: boolean;
  readonly traceIds: boolean;
}

/** Where Redis is, whatever form it was written in. `options` hold only what the user set. */
export type ResolvedConnection =
  | { readonly kind: 'standalone'; readonly options: RedisOptions }
  | { readonly kind: 'sentinel'; readonly options: RedisOptions }
  | { readonly kind: 'cluster'; readonly nodes: readonly { host: string; port: number }[]; readonly options: ClusterOptions }
  | { readonly kind: 'client'; readonly client: Redis | Cluster };

/** A key that verifies, and signs where it has the means. */
export interface ResolvedJwtKey {
  /** Absent for `secret`/`privateKey` alone: such tokens carry no kid. */
  readonly kid?: string;
  readonly algorithm: Algorithm;
  /** Secret or private key; absent = verify only. */
  readonly signingKey?: KeyObject;
  /** Secret or public key. */
  readonly verifyingKey: KeyObject;
}

export interface ResolvedJwtOptions {
  /** The first signs, all verify. */
  readonly keys: readonly ResolvedJwtKey[];
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly clockToleranceMs: number;
}

export interface ResolvedRefreshKey {
  readonly kid: string;
  readonly secret: KeyObject;
}

export interface ResolvedSessionOptions {
  readonly accessTokenTtlMs: number;
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  readonly limit?: SessionLimit;
  readonly refreshLeewayMs: number;
  /** Absent = derived from each signing key. */
  readonly refreshKeys?: readonly ResolvedRefreshKey[];
  readonly touchIntervalMs: number;
  readonly revocation: 'local' | 'remote' | 'off';
  readonly maxStalenessMs: number;
  /** Absent = reject. */
  readonly serveForMs?: number;
  readonly keyspaceNotifications: boolean;
  readonly maxDataBytes: number;
  readonly maxClaimsBytes: number;
}

export interface ResolvedTokenOptions {
  readonly defaultTtlMs: number;
  readonly maxDataBytes: number;
}

/** A secret from which an AES key is derived. */
export interface ResolvedEncryptionKey {
  readonly id: string;
  readonly secret: KeyObject;
}

export interface ResolvedOAuthOptions {
  readonly ttlMs?: number;
  readonly defaultTtlMs: number;
  readonly refreshTtlMs: number;
  /** Absent = keys derived from each signing key. */
  readonly encryption?: { readonly keys: readonly ResolvedEncryptionKey[] } | EncryptionHooks;
}

export interface ResolvedCacheOptions {
  readonly lockOnUnavailable: 'deny' | 'allow' | 'throw';
  readonly localMaxBytes: number;
  readonly localMaxStalenessMs: number;
  readonly compressAbove: number;
}

export interface ResolvedLockOptions {
  readonly waitMs: number;
  readonly minReplicas: number;
}

export interface ResolvedRateLimitOptions {
  readonly instances: number;
  readonly ipv6Prefix: number;
  readonly allow: readonly string[];
}

export interface ResolvedGuardOptions {
  readonly from: readonly ('bearer' | 'cookie' | Extractor)[];
  readonly cookieName: string;
  readonly touch: boolean;
  readonly userLoader?: (session: VerifiedSession) => unknown;
}
