import { randomText } from '../data/index.js';
import { type CacheLookup, cacheLookups, from } from '../diagnostics/index.js';
import type { RedisAuthConnection } from '../redis/index.js';
import { Availability } from './availability.js';
import { CacheKeys } from './cache-keys.js';
import type { CacheAdapterParts } from './cache-options.js';
import { EntryStore, type Look } from './entry-store.js';
import { Flights } from './flights.js';
import { InvalidationFeed } from './invalidation-feed.js';
import { LocalTier } from './local-tier.js';
import { copyOf } from './tagged-json.js';
import { decode, decompressed, isCompressed } from './value-codec.js';

/** What was found: the value, where it is fresh, and what is known of the entry, where Redis could be asked. */
export interface Found {
  readonly look?: Look | undefined;
  readonly value?: unknown;
  readonly isFresh: boolean;
}

const NOTHING: Found = { isFresh: false };

/** What all namespaces of a cache share. */
export class CacheCore {
  readonly options: CacheAdapterParts['cache'];
  readonly connection: RedisAuthConnection;
  readonly redis: Availability;
  readonly store: EntryStore;
  readonly tier: LocalTier;
  readonly feed: InvalidationFeed;
  readonly flights: Flights;
  readonly keys: CacheKeys;
  /** Who holds a lock of this instance. */
  readonly holder = randomText(16);
  private readonly closeConnection: (() => Promise<void>) | undefined;

  constructor({ connection, keyPrefix, cache, close }: CacheAdapterParts) {
    this.options = cache;
    this.connection = connection;
    this.closeConnection = close;
    this.keys = new CacheKeys(keyPrefix);
    this.redis = new Availability(connection);
    this.store = new EntryStore(this.redis);
    this.tier = new LocalTier(cache.localMaxBytes);
    this.feed = new InvalidationFeed(connection, this.tier, this.keys.watched, cache.localMaxStalenessMs);
    this.flights = new Flights(this.store, this.feed, cache.compressAbove);
  }

  /** What this process has, where it may be used. */
  findLocally(entry: string): unknown {
    const now = performance.now();
    return this.feed.vouchesAt(now) ? this.tier.get(entry, now) : undefined;
  }

  /** What Redis has; kept in this process where it may be. One round trip, one more for an entry with other tags. */
  async find(keys: CacheKeys, entry: string, tags: readonly string[]): Promise<Found> {
    if (!this.redis.isOpen) return NOTHING;
    this.feed.start();
    const reading = this.tier.isOn && this.feed.vouches ? this.tier.begin(entry) : undefined;
    const look = await this.store.look(keys, entry, tags);
    let text = look?.value;
    let value: unknown;
    if (text !== undefined && look!.freshLeftMs > 0) {
      try {
        if (isCompressed(text)) text = await decompressed(text);
        value = decode(text);
      } catch {
        // not written by this package, or cut short: loaded anew
        text = undefined;
      }
    } else {
      text = undefined;
    }
    if (reading !== undefined) {
      if (text === undefined) this.tier.abandon(entry, reading);
      else this.tier.keep(entry, reading, value, Buffer.byteLength(text), look!.freshLeftMs, look!.dependsOn);
      // what is kept is nobody's to change
      value = copyOf(value);
    }
    return { look, value, isFresh: text !== undefined };
  }

  /** How a look for a caller of `operation` ended, for who listens. */
  tell(operation: string, found: Found | 'local'): void {
    if (!cacheLookups.hasSubscribers) return;
    cacheLookups.publish({ ...from(this.connection.observer), operation, result: found === 'local' ? found : resultOf(found) });
  }

  /** Before a change is sent and after it was acknowledged: this process does not depend on being told. */
  forget(entry: string): void {
    this.tier.forget(entry);
    this.flights.forget(entry);
  }

  forgetVersions(versions: readonly string[]): void {
    for (const version of versions) this.tier.forgetVersion(version);
    this.flights.forgetAll();
  }

  async close(): Promise<void> {
    this.redis.close();
    await this.feed.close();
    await this.closeConnection?.();
  }
}

function resultOf({ isFresh, look }: Found): CacheLookup['result'] {
  if (isFresh) return 'redis';
  return look === undefined ? 'unavailable' : 'miss';
}
