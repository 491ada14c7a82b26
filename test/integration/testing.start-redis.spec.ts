import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { freePort, startRedis, type StartRedisOptions, type TestRedis } from 'nestjs-redis-auth/testing';
import { isRunning } from '../support/is-running.js';

const opened: (TestRedis | Redis)[] = [];

async function start(options?: StartRedisOptions): Promise<TestRedis> {
  const redis = await startRedis(options);
  opened.push(redis);
  return redis;
}

function client(url: string, options = {}): Redis {
  const redis = new Redis(url, { retryStrategy: () => null, ...options });
  redis.on('error', () => undefined);
  opened.push(redis);
  return redis;
}

afterEach(async () => {
  for (const resource of opened.splice(0).reverse()) {
    if (resource instanceof Redis) resource.disconnect();
    else await resource.stop();
  }
});

describe('startRedis', () => {
  it('starts a private server on a unix socket in less than a second', async () => {
    const times: number[] = [];
    // The best of three: the machine may be busy with other tests.
    for (let i = 0; i < 3; i++) {
      const before = performance.now();
      await start();
      times.push(performance.now() - before);
    }
    expect(Math.min(...times)).toBeLessThan(1_000);

    const redis = await start();
    expect(redis.url).toBe(redis.socketPath);
    expect(redis.port).toBeUndefined();
    expect(await client(redis.url).dbsize()).toBe(0);
  });

  it('leaves neither process nor directory after stop, also when stopped twice or killed before', async () => {
    for (const end of [async () => undefined, (redis: TestRedis) => redis.kill(), (redis: TestRedis) => redis.pause()]) {
      const redis = await start();
      const pid = redis.pid;
      await end(redis);
      await redis.stop();
      await redis.stop();
      expect(isRunning(pid)).toBe(false);
      expect(existsSync(dirname(redis.socketPath))).toBe(false);
    }
  });

  it('listens on the port that was asked for, and says what is wrong when it is taken', async () => {
    const first = await start({ port: 'tcp' });
    expect(first.url).toBe(`redis://127.0.0.1:${first.port}`);
    expect(await client(first.url).ping()).toBe('PONG');
    await expect(start({ port: first.port! })).rejects.toThrow(/Address already in use/i);
  });

  it('puts its password into the url, whatever it is made of', async () => {
    const password = 'p@ss "word\\/:#?%20';
    const redis = await start({ password });
    expect(await client(redis.url).ping()).toBe('PONG');
    await expect(client(`redis://127.0.0.1:${redis.port}`).get('a')).rejects.toThrow('NOAUTH');
  });

  it('knows ACL users', async () => {
    const redis = await start({ users: ['app on >secret ~auth:* +get +set +info'] });
    const app = client(`redis://app:secret@127.0.0.1:${redis.port}`);
    expect(await app.set('auth:1', 'x')).toBe('OK');
    await expect(app.set('other', 'x')).rejects.toThrow('NOPERM');
  });

  it('takes lines of redis.conf and refuses wrong ones with the reason', async () => {
    const redis = await start({ config: ['maxmemory 10mb', 'maxmemory-policy allkeys-lru'] });
    expect(await client(redis.url).config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lru']);
    await expect(start({ config: ['no-such-thing 1'] })).rejects.toThrow('no-such-thing');
  });

  it('restarts at the same address, without its data or with it', async () => {
    const redis = await start({ port: 'tcp' });
    await client(redis.url).set('a', '1');
    await redis.restart({ keepData: true });
    expect(await client(redis.url).get('a')).toBe('1');
    await redis.restart();
    expect(await client(redis.url).get('a')).toBeNull();
    await redis.kill();
    await redis.restart();
    expect(await client(redis.url).ping()).toBe('PONG');
  });

  it('answers nothing while paused, and goes on when resumed', async () => {
    const redis = await start();
    const connection = client(redis.url);
    await connection.ping();
    await redis.pause();
    const answer = connection.ping();
    const outcome = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 100, 'silent'))]);
    expect(outcome).toBe('silent');
    await redis.resume();
    expect(await answer).toBe('PONG');
  });

  it('listens to the end of the process once, however many servers there are', async () => {
    await start();
    const listeners = process.listenerCount('exit');
    await start();
    expect(process.listenerCount('exit')).toBe(listeners);
  });

  it('is not the server that the suite shares', async () => {
    const redis = await start();
    expect(redis.url).not.toBe(inject('redisUrl'));
    expect(await client(inject('redisUrl')).ping()).toBe('PONG');
  });
});

describe('freePort', () => {
  it('gives each port once, though nobody listens there yet', async () => {
    const ports = await Promise.all(Array.from({ length: 100 }, () => freePort()));
    expect(new Set(ports).size).toBe(100);
  });
});
