import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { randomText } from '../data/index.js';
import { type Observer, Traced } from '../diagnostics/index.js';
import { InvalidArgumentError, LockStoreUnavailableError, StoreUnavailableError } from '../errors/index.js';
import type { Duration } from '../options/index.js';
import { callsOver, scanKeys } from '../redis/index.js';
import { checkFillOptions, checkKey, checkKeys, checkNamespace, checkTags, checkTtl } from './cache-arguments.js';
import { CacheCore } from './cache-core.js';
import type { CacheKeys } from './cache-keys.js';
import { type CacheAdapterOptions, type CacheAdapterParts, cacheAdapterParts } from './cache-options.js';
import type { CacheEvent, GetOrSetOptions, LoaderContext } from './cache-types.js';
import { fill } from './fill.js';
import { OPERATIONS } from './operations.js';
import { UNLOCK } from './entry.lua.js';
import { compressed, encode } from './value-codec.js';

const TOKEN_BYTES = 16;
const RETRY_AFTER = 1;

/**
 * A cache in Redis, shared by all instances, with a tier in this process that hears of every change.
 *
 * Redis being down reaches no caller: reads are misses, writes do nothing, {@link isAvailable} is false, loaders are run;
 * the log and {@link events} tell, once per outage, and after the first failure Redis is not waited for until it answers
 * again; changes wait once more for a sign of life. A change that cannot be sent is not made up for later. Only a wrong
 * argument is an error (InvalidArgumentError, before any command), and what a loader rejects with.
 *
 * Strings come back as strings and other values as what they were: what JSON holds, and within it Date, Map, Set, Buffer,
 * Uint8Array, bigint, undefined and every number; what has `toJSON` as what that gives. Each caller gets a copy of their own.
 *
 * The tier in this process holds what was read from Redis, up to `cache.localMaxBytes`. It is told of every change over
 * a connection of its own (to each master of a Cluster), and is not used unless Redis has answered on all of these within
 * `cache.localMaxStaleness`: nothing is served from it that changed longer ago.
 *
 * Provided by the module, and usable by hand: `new CacheAdapter({ redis: 'redis://localhost:6379' })`.
 */
@Injectable()
@Traced<CacheAdapter>('cache', OPERATIONS)
export class CacheAdapter implements OnApplicationShutdown {
  private readonly core: CacheCore;
  private readonly keys: CacheKeys;

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options?: CacheAdapterOptions);
  /** @internal */
  constructor(parts: CacheAdapterParts);
  /** @internal */
  constructor(core: CacheCore, keys: CacheKeys);
  constructor(options: CacheAdapterOptions | CacheAdapterParts | CacheCore = {}, keys?: CacheKeys) {
    this.core = options instanceof CacheCore ? options : new CacheCore(cacheAdapterParts(options));
    this.keys = keys ?? this.core.keys;
  }

  /** @internal */
  get observer(): Observer {
    return this.core.connection.observer;
  }

  /** Whether Redis is asked, as far as is known. @internal */
  get asksRedis(): boolean {
    return this.core.redis.isOpen;
  }

  /** When Redis cannot be asked, and when it can again; once per outage, for all namespaces. */
  get events(): Observable<CacheEvent> {
    return this.core.redis.events;
  }

  /**
   * The value; null where there is none, where it has expired, and where Redis cannot be asked. No command for what this
   * process has, otherwise one round trip (one script); a second one for an entry with tags.
   */
  async get<T = string>(key: string): Promise<T | null> {
    checkKey(key);
    const entry = this.keys.entry(key);
    const local = this.core.findLocally(entry);
    if (local !== undefined) {
      this.core.tell('cache.get', 'local');
      return local as T;
    }
    const found = await this.core.find(this.keys, entry, []);
    this.core.tell('cache.get', found);
    const { value, isFresh } = found;
    return isFresh ? ((value ?? null) as T | null) : null;
  }

  /**
   * Keeps a value, in place of whatever is there or is being loaded; null and undefined take it away, as {@link delete} does.
   * One round trip (one script); two on a Cluster.
   *
   * @param ttl more than zero; a number is seconds
   */
  async set(key: string, value: unknown, ttl: Duration): Promise<void> {
    checkKey(key);
    const ms = checkTtl(ttl);
    if (value === null || value === undefined) return this.remove([key]);
    let text = encode(value);
    const { compressAbove } = this.core.options;
    if (compressAbove > 0) text = await compressed(text, compressAbove);
    await this.change([key], ([entry]) => this.core.store.write(this.keys, entry!, randomText(TOKEN_BYTES), text, ms));
  }

  /** Takes a value away, and keeps whatever is being loaded for it from being kept. One round trip. */
  async delete(key: string): Promise<void> {
    checkKey(key);
    await this.remove([key]);
  }

  /** {@link delete} of all of these in one call: one command a thousand of them, on a Cluster one each, all in one round trip. */
  async deleteMany(keys: string[]): Promise<void> {
    await this.remove(checkKeys(keys));
  }

  /** Whole seconds, rounded up, for which the value is still there; null where there is none. One round trip. */
  async ttl(key: string): Promise<number | null> {
    checkKey(key);
    if (!this.core.redis.isOpen) return null;
    const look = await this.core.store.look(this.keys, this.keys.entry(key), []);
    return look?.value === undefined || look.freshLeftMs <= 0 ? null : Math.ceil(look.freshLeftMs / 1000);
  }

  /**
   * Takes a lock for this instance: true for one of all callers of all instances until it is released or its time is
   * over, by the server's clock. One command. A simple one, for "not again within 25 s" and "only one cleans up": what
   * must not happen twice belongs under a DistributedLock. Where Redis cannot be asked, `cache.lockOnUnavailable` decides.
   *
   * @throws LockStoreUnavailableError with `lockOnUnavailable: 'throw'`
   */
  async acquireLock(key: string, ttlSeconds: Duration): Promise<boolean> {
    checkKey(key);
    const ms = checkTtl(ttlSeconds, 'ttlSeconds');
    const name = this.keys.lock(key);
    const wasOpen = this.core.redis.isOpen;
    const reply = await this.core.redis.attempt('cache.acquireLock', async (client) => {
      return (await client.set(name, this.core.holder, 'PX', ms, 'NX')) ?? 'taken';
    });
    if (reply !== undefined) return reply === 'OK';
    if (this.core.options.lockOnUnavailable === 'throw') throw new LockStoreUnavailableError('cache.acquireLock', wasOpen, RETRY_AFTER);
    return this.core.options.lockOnUnavailable === 'allow';
  }

  /** Frees a lock that this instance holds; never another's. One round trip (one script). */
  async releaseLock(key: string): Promise<void> {
    checkKey(key);
    const name = this.keys.lock(key);
    await this.core.redis.insist('cache.releaseLock', (client, again) => UNLOCK.run(client, [name], [this.core.holder], again));
  }

  /** Asks Redis for a sign of life, within `commandTimeout`. One round trip. */
  async isAvailable(): Promise<boolean> {
    return this.core.redis.ask();
  }

  /**
   * The value, or what `loader` gives, which is then kept. One loader runs at a time for a key, on one instance or on ten:
   * the others wait until it has written, or two seconds after its process has died, when another begins. What it loads is
   * given to whoever waits and is dropped rather than kept if meanwhile the key was set or deleted, or one of its tags or
   * its namespace invalidated; whoever calls after an invalidation never gets what was loaded before it.
   *
   * With `grace` an expired value is served while a new one is being loaded, and where loading fails; that is then not
   * tried again for a second. A hit costs what {@link get} costs, a miss three round trips. Where Redis cannot be asked
   * callers of this process share a loader, and nothing is kept.
   *
   * @throws LoaderTimeoutError where `hardTimeout` is over and there is no expired value
   * @throws InvalidArgumentError also for a value that cannot be kept, as one that holds a function
   */
  async getOrSet<T>(key: string, loader: (context: LoaderContext<T>) => Promise<T>, options: GetOrSetOptions): Promise<T> {
    checkKey(key);
    if (typeof loader !== 'function') throw new InvalidArgumentError('loader', 'must be a function');
    const checked = checkFillOptions(options);
    const calledAt = performance.now();
    const entry = this.keys.entry(key);
    const local = this.core.findLocally(entry);
    if (local !== undefined) {
      this.core.tell('cache.getOrSet', 'local');
      return local as T;
    }
    const found = await this.core.find(this.keys, entry, checked.tags);
    this.core.tell('cache.getOrSet', found);
    if (found.isFresh) return found.value as T;
    return fill<T>(this.core.flights, { keys: this.keys, entry, options: checked }, { key, calledAt, look: found.look, loader });
  }

  /**
   * Ends every value with one of these tags within this namespace, however many there are. One command; on a Cluster one
   * a tag, in one round trip. Tags are versions: a value is there while the versions it was loaded under are.
   */
  async invalidateTags(...tags: string[]): Promise<void> {
    const names = checkTags(tags).map((tag) => this.keys.tag(tag));
    if (names.length > 0) await this.raise('cache.invalidateTags', names);
  }

  /** A cache of its own within this one, on the same connection: the same key is another entry in it, the same tag another tag. */
  namespace(name: string): CacheAdapter {
    checkNamespace(name);
    return new CacheAdapter(this.core, this.keys.namespace(name));
  }

  /** Ends every value of this cache, of namespaces within it too, and of no other. One command, however many there are. */
  async clear(): Promise<void> {
    await this.raise('cache.clear', [this.keys.version]);
  }

  /** Closes the link for changes, and the connection if this cache made it for itself. For all namespaces. */
  async close(): Promise<void> {
    await this.core.close();
  }

  /** @internal */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  /**
   * Every key with its value, by SCAN over all of Redis: for maintenance, not for the path of a request. What comes or goes
   * meanwhile may be among them, what moves within Redis may come twice; ends early where Redis cannot be asked.
   */
  async *entries<T = string>(): AsyncGenerator<[key: string, value: T], void> {
    try {
      for await (const { keys } of scanKeys(callsOver(this.core.connection, 'cache.entries'), this.keys.entries, '*')) {
        const found = keys.map(async (entry) => [this.keys.keyOf(entry), await this.core.find(this.keys, entry, [])] as const);
        for (const [key, { value, isFresh }] of await Promise.all(found)) if (isFresh) yield [key, value as T];
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  private async remove(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.change(keys, (entries) => this.core.store.remove(entries));
  }

  private async change(keys: readonly string[], send: (entries: readonly string[]) => Promise<unknown>): Promise<void> {
    const entries = keys.map((key) => this.keys.entry(key));
    for (const entry of entries) this.core.forget(entry);
    await send(entries);
    for (const entry of entries) this.core.forget(entry);
  }

  private async raise(operation: string, versions: readonly string[]): Promise<void> {
    this.core.forgetVersions(versions);
    await this.core.store.raise(operation, versions);
    this.core.forgetVersions(versions);
  }
}
