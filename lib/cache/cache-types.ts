import type { Duration } from '../options/index.js';

/** What a loader is told. */
export interface LoaderContext<T = unknown> {
  readonly key: string;
  /** The expired value that is still kept by `grace`; undefined without one. A copy of the loader's own. */
  readonly stale: T | undefined;
  /** Gives the value another `ttl` than the one that was asked for, as where the origin says how long it holds. */
  readonly setTtl: (ttl: Duration) => void;
}

/** How {@link CacheAdapter.getOrSet} fills and keeps a value. */
export interface GetOrSetOptions {
  /** How long the value is fresh. */
  ttl: Duration;
  /**
   * For how long after `ttl` the expired value is kept: it is served while a new one is being loaded, and where loading
   * fails. @default none
   */
  grace?: Duration;
  /** With an expired value at hand, how long to wait for the new one before the expired one is served. @default 0 */
  softTimeout?: Duration;
  /** How long to wait at all. The loader goes on and fills the cache. @default as long as it takes */
  hardTimeout?: Duration;
  /** Names by which {@link CacheAdapter.invalidateTags} ends the value; up to 64 of them, each up to 256 bytes. */
  tags?: readonly string[];
  /** How long null and undefined are kept. @default they are not */
  negativeTtl?: Duration;
  /** Share of `ttl`, 0 to 1, by which it is shortened at random, so that what was filled at once does not expire at once. @default 0 */
  jitter?: number;
}

/** Redis cannot be asked, or can again. Told once per outage. */
export interface CacheEvent {
  readonly type: 'unavailable' | 'available';
  readonly at: Date;
  /** Of the failure; it carries neither keys nor values. */
  readonly error?: Error;
}
