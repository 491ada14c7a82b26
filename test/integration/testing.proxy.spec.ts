import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startRedis } from 'nestjs-redis-auth/testing';
import { uniquePrefix } from '../support/key-prefix.js';
import { FaultProxy } from '../support/proxy.js';
import { until } from '../support/until.js';

type Options = Omit<RedisOptions, 'replyMapping'>;

const OPTIONS: Options = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, retryStrategy: () => null };
const key = `${uniquePrefix()}n`;
const clients: Redis[] = [];
let direct: Redis;
let proxy: FaultProxy;

function through(options: Options = {}): Redis {
  const client = new Redis(proxy.url, { ...OPTIONS, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

beforeAll(() => void (direct = new Redis(inject('redisUrl'))));
afterAll(() => direct.disconnect());
beforeEach(async () => {
  await direct.del(key);
  proxy = await FaultProxy.open(inject('redisUrl'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await proxy.close();
});

describe('FaultProxy', () => {
  it('passes everything on and counts it', async () => {
    const client = through();
    const large = 'x'.repeat(300_000);
    const replies = await Promise.all([client.set(key, large), client.get(key), client.eval("return redis.call('DEL', KEYS[1])", 1, key)]);
    expect(replies).toEqual(['OK', large, 1]);
    expect(Object.fromEntries(proxy.commands)).toMatchObject({ SET: 1, GET: 1, EVAL: 1 });
    expect(proxy.commands.has('DEL')).toBe(false);
    expect(proxy.connections).toBe(1);
    expect(proxy.bytes.up).toBeGreaterThan(300_000);
    expect(proxy.bytes.down).toBeGreaterThan(300_000);
  });

  it('loses exactly the reply of the chosen command, after its execution', async () => {
    for (let round = 1; round <= 20; round++) {
      const client = through();
      await client.ping();
      const dropped = proxy.dropNextReply(([name]) => name === 'incr');
      await client.get(key);
      await expect(client.incr(key)).rejects.toThrow();
      await dropped;
      expect(await direct.get(key)).toBe(String(round));
    }
  });

  it('also where the user may not echo', async () => {
    const redis = await startRedis({ users: ['app on >pw ~* -@all +incr +info +client'] });
    const guarded = await FaultProxy.open(redis.url);
    const client = new Redis(guarded.url, { ...OPTIONS, username: 'app', password: 'pw' });
    client.on('error', () => undefined);
    try {
      await client.incr('n');
      const dropped = guarded.dropNextReply(([name]) => name === 'incr');
      await expect(client.incr('n')).rejects.toThrow();
      await dropped;
    } finally {
      client.disconnect();
      await guarded.close();
      await redis.stop();
    }
  });

  it('loses exactly the chosen request', async () => {
    const client = through();
    await client.incr(key);
    const dropped = proxy.dropNextRequest(([name]) => name === 'incr');
    const before = client.set(`${key}2`, 'sent before');
    await Promise.allSettled([before, client.incr(key)]);
    await dropped;
    expect(await direct.get(key)).toBe('1');
    expect(await direct.getdel(`${key}2`)).toBe('sent before');
  });

  it('cuts, and lets new connections through', async () => {
    const client = through();
    await client.ping();
    proxy.cut();
    await expect(client.ping()).rejects.toThrow();
    expect(await through().ping()).toBe('PONG');
    expect(proxy.openConnections).toBe(1);
  });

  it('refuses until healed', async () => {
    const client = through();
    await client.ping();
    await proxy.refuse();
    await expect(client.ping()).rejects.toThrow();
    await expect(through().ping()).rejects.toThrow();
    expect(proxy.connections).toBe(1);
    await proxy.heal();
    expect(await through().ping()).toBe('PONG');
  });

  it('accepts and closes until healed', async () => {
    proxy.acceptThenClose();
    await expect(through().ping()).rejects.toThrow();
    expect(proxy.connections).toBe(1);
    await proxy.heal();
    expect(await through().ping()).toBe('PONG');
  });

  it('is silent to old and new connections until healed, and then cuts them', async () => {
    const old = through();
    await old.ping();
    proxy.silence();
    old.options.commandTimeout = 100;
    await expect(old.incr(key)).rejects.toThrow('timed out');
    await expect(through({ commandTimeout: 100 }).ping()).rejects.toThrow('timed out');
    await until(() => proxy.openConnections === 2, { what: 'both are connected' });
    await proxy.heal();
    expect(proxy.openConnections).toBe(0);
    expect(await direct.get(key)).toBeNull();
  });

  it('is late by the same time for what is sent one after another, and keeps it in order', async () => {
    const client = through();
    await client.ping();
    proxy.delay = 40;
    const echoes: Promise<string>[] = [];
    for (let n = 0; n < 4_000; n++) {
      echoes.push(client.echo(String(n)));
      await new Promise(setImmediate);
    }
    expect(await Promise.all(echoes)).toEqual(echoes.map((_, n) => String(n)));
  });

  it('is late in each direction, in order', async () => {
    const client = through();
    await client.ping();
    proxy.delay = 50;
    const before = performance.now();
    const slow = client.incr(key);
    proxy.delay = 0;
    const replies = await Promise.all([slow, client.incr(key)]);
    expect(replies).toEqual([1, 2]);
    proxy.delay = 50;
    await client.ping();
    expect(performance.now() - before).toBeGreaterThanOrEqual(99);
  });
});
