import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { commandsDuring, commandStats, growth } from '../support/commands.js';
import { CommandMonitor } from '../support/monitor.js';

const TWO_WRITES = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])";

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis({ password: 'pw' });
  client = new Redis(redis.url);
  await client.ping();
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

describe('counting of commands', () => {
  it('tells what was sent from what a script called', async () => {
    const counts = await commandsDuring(redis, () => Promise.all([client.eval(TWO_WRITES, 1, 'a', '1'), client.get('a'), client.get('b')]));
    expect(counts).toEqual({ result: ['1', '1', null], sent: { eval: 1, get: 2 }, inScripts: { set: 1, get: 1 }, total: 3 });
  });

  it('is empty where nothing was sent', async () => {
    expect((await commandsDuring(redis, async () => undefined)).total).toBe(0);
  });

  it('sums up by statistics of the server', async () => {
    const before = await commandStats(redis);
    await client.eval(TWO_WRITES, 1, 'a', '1');
    await client.config('GET', 'save');
    expect(growth(before, await commandStats(redis))).toMatchObject({ eval: 1, set: 1, get: 1, 'config|get': 1 });
  });

  it('shows every argument, in order', async () => {
    await using monitor = await CommandMonitor.start(redis);
    for (let i = 0; i < 200; i++) void client.set(`k${i}`, `value ${i}`);
    await client.set('last', 'one');
    const commands = await monitor.commands();
    expect(commands).toHaveLength(201);
    expect(commands[17]).toEqual({ args: ['set', 'k17', 'value 17'], inScript: false });
  });
});
