import { RedisAuthKeyvStore } from '../../../lib/adapters/keyv/index.js';
import { CacheAdapter } from '../../../lib/cache/index.js';
import { closing } from './closing.js';
import { once, type Operation, operationsOf } from './operation.js';
import type { Services } from './services.js';

const operation = operationsOf('cache');
const withKeyv = operationsOf('keyv');
const ttl = '1h';
const isValue = { succeeded: (value: unknown) => value === 'value' };
const isTrue = { succeeded: (value: boolean) => value };

const has = ({ cache }: Services, key: string): Promise<number> => once(cache.get(key).then((value) => value !== null));
const lacks = ({ cache }: Services, key: string): Promise<number> => once(cache.get(key).then((value) => value === null));

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

export const CACHE_OPERATIONS: readonly Operation[] = [
  operation(
    'CacheAdapter.get',
    'cache',
    async ({ cache }, by, id) => {
      await by.cache.set(id, 'value', ttl);
      return { call: () => cache.get(id) };
    },
    isValue,
  ),
  operation('CacheAdapter.set', 'cache', ({ cache }, _by, id) => ({
    call: () => cache.set(id, 'value', ttl),
    effects: (other) => has(other, id),
  })),
  operation('CacheAdapter.delete', 'cache', async ({ cache }, by, id) => {
    await by.cache.set(id, 'value', ttl);
    return { call: () => cache.delete(id), effects: (other) => lacks(other, id) };
  }),
  operation('CacheAdapter.deleteMany', 'cache', async ({ cache }, by, id) => {
    await by.cache.set(id, 'value', ttl);
    return { call: () => cache.deleteMany([id, `${id} too`]), effects: (other) => lacks(other, id) };
  }),
  operation(
    'CacheAdapter.ttl',
    'cache',
    async ({ cache }, by, id) => {
      await by.cache.set(id, 'value', ttl);
      return { call: () => cache.ttl(id) };
    },
    { succeeded: (seconds: number | null) => seconds !== null },
  ),
  operation(
    'CacheAdapter.acquireLock',
    'cache',
    ({ cache }, _by, id) => ({
      call: () => cache.acquireLock(id, 60),
      effects: (other) => once(other.cache.acquireLock(id, 60).then((acquired) => !acquired)),
    }),
    isTrue,
  ),
  operation(
    'CacheAdapter.releaseLock',
    'cache',
    async ({ cache }, _by, id) => {
      await cache.acquireLock(id, 60);
      return { call: () => cache.releaseLock(id), effects: (other) => once(other.cache.acquireLock(id, 60)) };
    },
    { isBound: true },
  ),
  operation('CacheAdapter.isAvailable', 'cache', ({ cache }) => ({ call: () => cache.isAvailable() }), isTrue),
  operation('CacheAdapter.getOrSet', 'cache', ({ cache }, _by, id) => ({
    call: () => cache.getOrSet(id, () => Promise.resolve('value'), { ttl, tags: [id] }),
    effects: (other) => has(other, id),
  })),
  operation('CacheAdapter.invalidateTags', 'cache', async ({ cache }, by, id) => {
    await by.cache.getOrSet(id, () => Promise.resolve('value'), { ttl, tags: [id] });
    return { call: () => cache.invalidateTags(id), effects: (other) => lacks(other, id) };
  }),
  operation('CacheAdapter.namespace', 'here', ({ cache }, _by, id) => ({ call: async () => cache.namespace(id) })),
  operation('CacheAdapter.clear', 'cache', async ({ cache }, by, id) => {
    await by.cache.namespace(id).set('key', 'value', ttl);
    return {
      call: () => cache.namespace(id).clear(),
      effects: (other) =>
        once(
          other.cache
            .namespace(id)
            .get('key')
            .then((value) => value === null),
        ),
    };
  }),
  operation(
    'CacheAdapter.entries',
    'cache',
    async ({ cache }, by, id) => {
      const space = by.cache.namespace(id);
      await space.set('key', 'value', ttl);
      return { call: () => all(cache.namespace(id).entries()) };
    },
    { succeeded: (entries: unknown[]) => entries.length > 0 },
  ),
  closing(operation, 'CacheAdapter.close', ({ redis, keyPrefix }) => {
    const cache = new CacheAdapter({ redis, keyPrefix });
    return { ask: () => cache.isAvailable(), close: () => cache.close() };
  }),
  withKeyv(
    'RedisAuthKeyvStore.get',
    'cache',
    async ({ keyv }, by, id) => {
      await by.keyv.set(id, 'value');
      return { call: () => keyv.get(id) };
    },
    isValue,
  ),
  withKeyv(
    'RedisAuthKeyvStore.getMany',
    'cache',
    async ({ keyv }, by, id) => {
      await by.keyv.set(id, 'value');
      return { call: () => keyv.getMany([id]) };
    },
    { succeeded: ([value]: unknown[]) => value === 'value' },
  ),
  withKeyv('RedisAuthKeyvStore.set', 'cache', ({ keyv }, _by, id) => ({
    call: () => keyv.set(id, 'value'),
    effects: (other) => once(other.keyv.has(id)),
  })),
  withKeyv('RedisAuthKeyvStore.setMany', 'cache', ({ keyv }, _by, id) => ({
    call: () => keyv.setMany([{ key: id, value: 'value' }]),
    effects: (other) => once(other.keyv.has(id)),
  })),
  withKeyv('RedisAuthKeyvStore.delete', 'cache', async ({ keyv }, by, id) => {
    await by.keyv.set(id, 'value');
    return { call: () => keyv.delete(id), effects: (other) => once(other.keyv.has(id).then((is) => !is)) };
  }),
  withKeyv('RedisAuthKeyvStore.deleteMany', 'cache', async ({ keyv }, by, id) => {
    await by.keyv.set(id, 'value');
    return { call: () => keyv.deleteMany([id]), effects: (other) => once(other.keyv.has(id).then((is) => !is)) };
  }),
  withKeyv(
    'RedisAuthKeyvStore.has',
    'cache',
    async ({ keyv }, by, id) => {
      await by.keyv.set(id, 'value');
      return { call: () => keyv.has(id) };
    },
    isTrue,
  ),
  withKeyv(
    'RedisAuthKeyvStore.hasMany',
    'cache',
    async ({ keyv }, by, id) => {
      await by.keyv.set(id, 'value');
      return { call: () => keyv.hasMany([id]) };
    },
    { succeeded: ([is]: boolean[]) => is === true },
  ),
  withKeyv('RedisAuthKeyvStore.clear', 'cache', async (on, by, id) => {
    const of = (services: Services): RedisAuthKeyvStore => Object.assign(new RedisAuthKeyvStore(services.cache), { namespace: id });
    await of(by).set('key', 'value');
    return {
      call: () => of(on).clear(),
      effects: (other) =>
        once(
          of(other)
            .has('key')
            .then((is) => !is),
        ),
    };
  }),
  withKeyv(
    'RedisAuthKeyvStore.iterator',
    'cache',
    async ({ keyv }, by, id) => {
      const own = Object.assign(new RedisAuthKeyvStore(by.cache), { namespace: id });
      await own.set('key', 'value');
      return { call: () => all(keyv.iterator(id)) };
    },
    { succeeded: (entries: unknown[]) => entries.length > 0 },
  ),
  withKeyv('RedisAuthKeyvStore.disconnect', 'here', ({ cache }) => ({ call: () => new RedisAuthKeyvStore(cache).disconnect() })),
];
