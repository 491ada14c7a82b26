import { Injectable } from '@nestjs/common';
import { type ThrottlerStorage, ThrottlerStorageService } from '@nestjs/throttler';
import { assertText } from '../../data/index.js';
import { from, limitDecisions, type Observer, Traced } from '../../diagnostics/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { RateLimiter, type RateLimiterOptions } from '../../rate-limit/index.js';
import { HIT } from './throttler.lua.js';

/** What `@nestjs/throttler` calls a ThrottlerStorageRecord; it does not export the name. */
type ThrottlerStorageRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

const MAX_KEY_BYTES = 1024;

/**
 * Keeps the counts of `@nestjs/throttler` in Redis, so that all instances share them: `ThrottlerModule.forRootAsync({
 * inject: [RateLimiter], useFactory: (limiter) => ({ throttlers, storage: new RedisThrottlerStorage(limiter) }) })`, or
 * by hand `new RedisThrottlerStorage({ redis: 'redis://localhost:6379' })`.
 *
 * The same semantics as its storage in memory: each hit counts for `ttl`, by the clock of the Redis server. One script
 * and one round trip for each hit; every key has a TTL. While Redis cannot be asked, each instance counts in memory,
 * up to max(1, floor(limit / `rateLimit.instances`)).
 */
@Injectable()
@Traced<RedisThrottlerStorage>('throttler', ['increment'])
export class RedisThrottlerStorage implements ThrottlerStorage {
  private readonly limiter: RateLimiter;
  private readonly isOurs: boolean;
  private readonly local = new ThrottlerStorageService();

  /** @throws RedisAuthConfigError for wrong options */
  constructor(limiter: RateLimiter | RateLimiterOptions = {}) {
    this.isOurs = !(limiter instanceof RateLimiter);
    this.limiter = limiter instanceof RateLimiter ? limiter : new RateLimiter(limiter);
  }

  /** @internal */
  get observer(): Observer {
    return this.limiter.observer;
  }

  /**
   * Counts a hit.
   *
   * @param ttl ms that it counts
   * @param blockDuration ms that a key over its limit is blocked; 0 until its oldest hit no longer counts
   * @returns times in whole seconds, rounded up
   * @throws InvalidArgumentError for numbers that are none, and a key over 1 kB
   */
  async increment(key: string, ttl: number, limit: number, blockDuration: number, throttlerName: string): Promise<ThrottlerStorageRecord> {
    assertText('key', key, MAX_KEY_BYTES);
    const ttlMs = ms('ttl', ttl, 1);
    const blockMs = ms('blockDuration', blockDuration, 0);
    if (typeof limit !== 'number' || Number.isNaN(limit)) throw new InvalidArgumentError('limit', 'must be a number');
    const { store, keys, parts } = this.limiter;
    const name = keys.throttler(`${throttlerName}:${key}`);
    let by: 'redis' | 'instance' = 'redis';
    const record = await store.ask<ThrottlerStorageRecord>(
      'throttler.increment',
      name,
      async (client, again) => {
        // A limit of Infinity is one that no number reaches.
        const args = [store.latest, ttlMs, Math.min(limit, Number.MAX_SAFE_INTEGER), blockMs];
        const reply = await HIT.run(client, [name], args, again);
        if (reply === null) return null;
        const [now, hits, windowMs, blocked, blockedMs] = reply.map(Number) as [number, number, number, number, number];
        store.clock.learn(now);
        return { totalHits: hits, timeToExpire: seconds(windowMs), isBlocked: blocked === 1, timeToBlockExpire: seconds(blockedMs) };
      },
      () => {
        by = 'instance';
        const share = Math.max(Math.min(1, limit), Math.floor(limit / parts.rateLimit.instances));
        return this.local.increment(key, ttlMs, share, blockMs, throttlerName);
      },
    );
    if (limitDecisions.hasSubscribers) {
      limitDecisions.publish({ ...from(this.observer), operation: 'throttler.increment', allowed: !record.isBlocked, by });
    }
    return record;
  }

  /** Ends what it opened by itself. */
  async onApplicationShutdown(): Promise<void> {
    this.local.onApplicationShutdown();
    if (this.isOurs) await this.limiter.close();
  }
}

function ms(argument: string, value: number, least: 0 | 1): number {
  if (typeof value === 'number' && value >= least && value <= Number.MAX_SAFE_INTEGER) return Math.round(value);
  throw new InvalidArgumentError(argument, `must be at least ${least} ms`);
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
