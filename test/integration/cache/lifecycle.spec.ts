import { once } from 'node:events';
import { Redis } from 'ioredis';
import { describe, expect, inject, it } from 'vitest';
import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import { startRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { PackageProgram } from '../../support/package-program.js';
import { until } from '../../support/until.js';
import { CacheUnderTest } from './cache-under-test.js';

describe('a cache made by hand', () => {
  it('S19 leaves the client that it was given, and closes what it made of it', async () => {
    await using server = await startRedis();
    const client = new Redis(server.url);
    const cache = new CacheUnderTest({ redis: client, keyPrefix: uniquePrefix() });
    await cache.set('key', { a: 1 }, 60);
    await cache.get('key');
    await until(() => cache['core'].feed.vouches);
    const connections = async (): Promise<number> =>
      Number(/^connected_clients:(\d+)/m.exec(await ask(server, (asking) => asking.info('clients')))?.[1]) - 1;
    await until(async () => (await connections()) === 2, { what: 'its client and the link are all there is' });
    await cache.close();
    await cache.close();
    await until(async () => (await connections()) === 1);
    expect(await client.ping()).toBe('PONG');
    expect(await cache.get('key')).toBeNull();
    client.disconnect();
  });

  it('makes no second connection before it is read from', async () => {
    await using server = await startRedis();
    await using cache = new CacheUnderTest({ redis: server.url });
    await cache.set('key', 1, 60);
    await cache.acquireLock('job', 10);
    expect(cache['core'].feed['links'].size).toBe(0);
    expect(await cache.get('key')).toBe(1);
    expect(cache['core'].feed['links'].size).toBe(1);
  });

  it('lets its process end once it is closed, whatever is being loaded or waited for', async () => {
    await using program = await PackageProgram.write(`
import { CacheAdapter } from './lib/cache/index.js';
const { redis, keyPrefix } = JSON.parse(process.argv[2]);
const cache = new CacheAdapter({ redis, keyPrefix });
await cache.get('key');
cache.getOrSet('key', () => new Promise(() => undefined), { ttl: 60 }).catch(() => undefined);
await cache.getOrSet('other', () => new Promise(() => undefined), { ttl: 60, hardTimeout: '50 ms' }).catch((error) => console.log(error.code));
await cache.close();
console.log('closed');
`);
    const process = program.start({ redis: inject('redisUrl'), keyPrefix: uniquePrefix() });
    const exited = once(process.child, 'exit');
    expect(await process.hear()).toBe('ERR_REDIS_AUTH_LOADER_TIMEOUT');
    expect(await process.hear()).toBe('closed');
    expect(await exited).toEqual([0, null]);
  });

  it('refuses wrong options, all at once', () => {
    const wrong = {
      redis: inject('redisUrl'),
      keyPrefix: '{x}',
      localMaxBytes: -1,
      localMaxStaleness: '2',
      compress: 1,
      lockOnUnavailable: 'maybe',
    };
    const error = (() => {
      try {
        return new CacheUnderTest(wrong as never);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect((error as RedisAuthConfigError).issues.map(({ path }) => path).sort()).toEqual([
      'cache.localMaxBytes',
      'cache.localMaxStaleness',
      'cache.lockOnUnavailable',
      'compress',
      'keyPrefix',
    ]);
  });
});
