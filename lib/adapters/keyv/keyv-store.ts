import { EventEmitter } from 'node:events';
import type { KeyvStoreAdapter } from 'keyv';
import type { CacheAdapter } from '../../cache/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { type Duration, parseDuration } from '../../options/index.js';

/** How a {@link RedisAuthKeyvStore} keeps values. */
export interface KeyvStoreOptions {
  /** Of values that are set without one; Keyv's own default is for ever, which nothing in this cache is. @default '24h' */
  defaultTtl?: Duration;
}

/** Namespace of the cache in which the namespaces of Keyv lie. */
const KEYV = 'keyv';

/**
 * The CacheAdapter as a store of Keyv 5, and so of `@nestjs/cache-manager`:
 * `CacheModule.registerAsync({ inject: [CacheAdapter], useFactory: (cache) => ({ stores: [new RedisAuthKeyvStore(cache)] }) })`.
 *
 * Times to live are in milliseconds here, as Keyv has them. Redis being down is a miss, as everywhere in this cache. `clear`
 * ends everything in the namespace of Keyv by one command, and nothing else. `disconnect` closes nothing: the connection
 * is the module's.
 */
export class RedisAuthKeyvStore extends EventEmitter implements KeyvStoreAdapter {
  /** Set by Keyv. */
  namespace?: string | undefined;
  /** Keyv goes through the keys of stores of the dialects that it knows. */
  readonly opts: { readonly dialect: 'redis'; readonly defaultTtl: Duration };
  private readonly root: CacheAdapter;
  private readonly defaultMs: number;
  private current: { readonly name: string | undefined; readonly space: CacheAdapter } | undefined;

  /** @throws InvalidArgumentError for a wrong `defaultTtl` */
  constructor(cache: CacheAdapter, { defaultTtl = '24h' }: KeyvStoreOptions = {}) {
    super();
    const ms = parseDuration(defaultTtl);
    if (ms === undefined || ms < 1) throw new InvalidArgumentError('defaultTtl', "must be a duration longer than zero, such as '24h'");
    this.root = cache.namespace(KEYV);
    this.defaultMs = ms;
    this.opts = { dialect: 'redis', defaultTtl };
  }

  async get<Value>(key: string): Promise<Value | undefined> {
    return (await this.space.get<Value>(key)) ?? undefined;
  }

  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key)));
  }

  /** @param ttl milliseconds */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    await this.space.set(key, value, Math.max(1, Math.round(ttl ?? this.defaultMs)) / 1000);
    return true;
  }

  async setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<void> {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  /** Whether there was a value. */
  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  /** Whether one of them had a value, as asked in the same round trip: once for each script, a Redis that has just begun says no. */
  async deleteMany(keys: string[]): Promise<boolean> {
    // one after the other would wait twice for a Redis that hangs
    const [had] = await Promise.all([this.hasMany(keys), this.space.deleteMany(keys)]);
    return had.includes(true);
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  async clear(): Promise<void> {
    await this.space.clear();
  }

  /** Every key of the namespace with its value, by SCAN: not for the path of a request. What changes meanwhile may come, or come twice, or not. */
  async *iterator<Value>(namespace = this.namespace): AsyncGenerator<[string, Value], void> {
    yield* this.spaceOf(namespace).entries<Value>();
  }

  async disconnect(): Promise<void> {
    // the connection is the module's, or that of whoever made the CacheAdapter
  }

  private get space(): CacheAdapter {
    return this.spaceOf(this.namespace);
  }

  private spaceOf(name: string | undefined): CacheAdapter {
    if (this.current === undefined || this.current.name !== name) {
      this.current = { name, space: name === undefined || name === '' ? this.root : this.root.namespace(name) };
    }
    return this.current.space;
  }
}
