import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager';
import { Test } from '@nestjs/testing';
import type { Cache } from 'cache-manager';
import { Keyv } from 'keyv';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { RedisAuthKeyvStore } from '../../../lib/adapters/keyv/index.js';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { startRedis } from '../../../lib/testing/index.js';
import { CacheUnderTest } from '../cache/cache-under-test.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { until } from '../../support/until.js';

const redis = inject('redisUrl');

let cache: CacheUnderTest;
let keyv: Keyv;
beforeEach(() => {
  cache = new CacheUnderTest({ redis, keyPrefix: uniquePrefix() });
  keyv = new Keyv({ store: new RedisAuthKeyvStore(cache) });
});
afterEach(() => cache.close());

describe('a store of Keyv', () => {
  it('sets, gets, has and deletes', async () => {
    expect(await keyv.get('none')).toBeUndefined();
    expect(await keyv.set('key', { a: [1, 'ä'] })).toBe(true);
    expect(await keyv.get('key')).toEqual({ a: [1, 'ä'] });
    expect(await keyv.has('key')).toBe(true);
    expect(await keyv.delete('key')).toBe(true);
    expect(await keyv.delete('key')).toBe(false);
    expect(await keyv.has('key')).toBe(false);
  });

  it.each([false, 0, '', 'text', 1.5, [], ['a', null]])('keeps %j', async (value) => {
    await keyv.set('key', value);
    expect(await keyv.get('key')).toEqual(value);
  });

  it('takes times in milliseconds, and 24 h without one', async () => {
    await keyv.set('brief', 'value', 40);
    await until(async () => (await keyv.get('brief')) === undefined);
    await keyv.set('minute', 'value', 60_000);
    await keyv.set('long', 'value');
    const space = cache.namespace('keyv').namespace('keyv');
    expect(await space.ttl('keyv:minute')).toBe(60);
    expect(await space.ttl('keyv:long')).toBe(86_400);
    const hourly = new Keyv({ store: new RedisAuthKeyvStore(cache, { defaultTtl: '1h' }), namespace: 'hourly' });
    await hourly.set('key', 1);
    expect(await cache.namespace('keyv').namespace('hourly').ttl('hourly:key')).toBe(3600);
    expect(() => new RedisAuthKeyvStore(cache, { defaultTtl: '0s' })).toThrow(InvalidArgumentError);
  });

  it('takes many at once', async () => {
    await keyv.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 60_000 },
    ]);
    expect(await keyv.getMany(['a', 'none', 'b'])).toEqual([1, undefined, 2]);
    expect(await keyv.hasMany(['a', 'none'])).toEqual([true, false]);
    expect(await keyv.deleteMany(['a', 'b'])).toBe(true);
    expect(await keyv.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  });

  it('clears its namespace and no other, nor what else is in the cache', async () => {
    const other = new Keyv({ store: new RedisAuthKeyvStore(cache), namespace: 'other' });
    const bare = new Keyv({ store: new RedisAuthKeyvStore(cache), namespace: '' });
    await Promise.all([keyv.set('key', 1), other.set('key', 2), cache.set('key', '3', 60), bare.set('key', 4)]);
    await keyv.clear();
    expect(await keyv.get('key')).toBeUndefined();
    expect(await other.get('key')).toBe(2);
    expect(await cache.get('key')).toBe('3');
    expect(await bare.get('key')).toBe(4);
  });

  it('goes through what is in its namespace', async () => {
    const other = new Keyv({ store: new RedisAuthKeyvStore(cache), namespace: 'other' });
    await other.set('foreign', 0);
    const keys = Array.from({ length: 30 }, (_, n) => `key:${n} {x}*`);
    await Promise.all(keys.map((key) => keyv.set(key, key)));
    const found: unknown[] = [];
    for await (const [key, value] of keyv.iterator!(keyv.namespace)) {
      expect(value).toBe(key);
      found.push(key);
    }
    expect([...new Set(found)].sort()).toEqual([...keys].sort());
  });

  it('leaves the connection alone when it is disconnected', async () => {
    await keyv.set('key', 1);
    await keyv.disconnect();
    expect(await cache.isAvailable()).toBe(true);
    expect(await keyv.get('key')).toBe(1);
  });

  it('is a miss and no error while Redis is down', async () => {
    captureLog();
    const server = await startRedis();
    await using down = new CacheUnderTest({ redis: server.url });
    const store = new Keyv({ store: new RedisAuthKeyvStore(down), throwOnErrors: true });
    await store.set('key', 1);
    await server.stop();
    expect(await store.get('key')).toBeUndefined();
    expect(await store.delete('key')).toBe(false);
    await store.set('key', 1);
    await store.clear();
  });
});

describe('@nestjs/cache-manager', () => {
  it('works on it, with its namespaces, times and wrap', async () => {
    const module = await Test.createTestingModule({
      imports: [CacheModule.register({ stores: [new RedisAuthKeyvStore(cache)], ttl: 60_000 })],
    }).compile();
    const manager = module.get<Cache>(CACHE_MANAGER);
    await manager.set('key', { a: 1 });
    expect(await manager.get('key')).toEqual({ a: 1 });
    expect(await manager.ttl('key')).toBeGreaterThan(Date.now());
    let runs = 0;
    const wrapped = (): Promise<number> => manager.wrap('wrapped', async () => ++runs);
    expect([await wrapped(), await wrapped()]).toEqual([1, 1]);
    await manager.del('key');
    expect(await manager.get('key')).toBeUndefined();
    await manager.clear();
    expect(await manager.get('wrapped')).toBeUndefined();
    await module.close();
    expect(await cache.isAvailable()).toBe(true);
  });
});
