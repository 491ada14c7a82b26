import {
  type LockOptions,
  type ResolvedLockOptions,
  resolveLockOptions,
  resolveStandalone,
  type StandaloneOptions,
} from '../options/index.js';
import { RedisAuthConnection } from '../redis/index.js';

/** What a DistributedLock made by hand takes. */
export interface DistributedLockOptions extends Omit<StandaloneOptions, 'secret'>, LockOptions {}

/** What a DistributedLock works with. */
export interface DistributedLockParts {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
  readonly locks: ResolvedLockOptions;
  /** Absent where somebody else closes. */
  readonly close?: () => Promise<void>;
}

const OWN_KEYS = ['wait', 'minReplicas'] as const satisfies readonly (keyof LockOptions)[];

export function isLockParts(options: DistributedLockOptions | DistributedLockParts): options is DistributedLockParts {
  return 'connection' in options && options.connection instanceof RedisAuthConnection;
}

export function openLockParts(options: DistributedLockOptions): DistributedLockParts {
  const { redis, keyPrefix, commandTimeoutMs, locks } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    locks: resolveLockOptions(values, issues),
  }));
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  return { connection, keyPrefix, locks, close: () => connection.close() };
}
