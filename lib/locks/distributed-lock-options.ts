import {
  type LockOptions,
  type ResolvedLockOptions,
  resolveLockOptions,
  resolveStandalone,
  type StandaloneOptions,
} from '../options/index.js';
import { RedisAuthConnection, sharesConnection } from '../redis/index.js';

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

export function lockParts(options: DistributedLockOptions | DistributedLockParts): DistributedLockParts {
  if (sharesConnection<DistributedLockParts>(options)) return options;
  const { redis, keyPrefix, commandTimeoutMs, locks } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    locks: resolveLockOptions(values, issues),
  }));
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  return { connection, keyPrefix, locks, close: () => connection.close() };
}
