import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import type { TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { commandStats, growth } from '../../support/commands.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let server: Redis;
let on: TokensUnderTest;
let tokens: TokenStore;
beforeEach(async () => {
  redis = await startRedis();
  server = clientOf(redis, 10_000);
  on = await openTokens({ redis: redis.url, keyPrefix: 'p:', commandTimeout: 10_000 });
  ({ tokens } = on);
});
afterEach(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

/** One call of every script, on tokens of one owner. */
async function everyScript(owner: string, type = 'key', custom?: string): Promise<void> {
  const of = { type, owner };
  const make = () => tokens.create({ ...of, data: { a: 1 }, ...(custom !== undefined && { token: custom }) });
  const { token, id } = await make();
  expect(await tokens.get({ type, token })).toMatchObject({ owner, data: { a: 1 } });
  expect(await tokens.update({ type, token, data: { b: 2 } })).toMatchObject({ data: { a: 1, b: 2 } });
  expect(await tokens.refresh({ type, token, ttl: 'never' })).toBe(true);
  expect(await tokens.refresh({ type, token, ttl: '1h' })).toBe(true);
  expect(await tokens.list(of)).toMatchObject([{ id, data: { a: 1, b: 2 } }]);
  expect(await tokens.count(of)).toBe(1);
  expect(await tokens.delete({ type, token })).toBe(true);
  const second = await make();
  expect(await tokens.consume({ type, token: second.token, requestId: 'r' })).toEqual(second);
  expect(await tokens.consume({ type, token: second.token, requestId: 'r' })).toEqual(second);
  await make();
  expect(await tokens.deleteAll(of)).toBe(1);
  expect(await tokens.count(of)).toBe(0);
}

describe('a server that forgets its scripts', () => {
  it('is told them again, after each call and in the middle of a load, and no caller notices', async () => {
    let flushing = true;
    let flushes = 0;
    const flush = (async () => {
      while (flushing) {
        await server.script('FLUSH', 'SYNC');
        flushes++;
      }
    })();
    const before = await commandStats(redis);
    const runs = Array.from({ length: 40 }, (_, n) => everyScript(`owner-${n}`, 'key', n % 2 === 0 ? undefined : `mine-${n}`));
    await Promise.all(runs).finally(() => (flushing = false));
    await flush;
    expect(flushes).toBeGreaterThan(10);
    expect(growth(before, await commandStats(redis))['eval']).toBeGreaterThan(100);
    expect(await withoutTtl(redis)).toEqual([]);
  });
});

describe('the very same call again, as a driver sends it that lost the reply', () => {
  /** Sends each script call of the instance twice; the second reply is what the caller gets. */
  function sendTwice(): void {
    const { client } = on.connection;
    const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(client, {
      evalsha: async (...args: unknown[]) => {
        await evalsha(...args);
        return evalsha(...args);
      },
    });
  }

  it.each([undefined, 'mine'])('leaves the same state (custom token: %s)', async (custom) => {
    await everyScript('warm');
    sendTwice();
    const of = { type: 'key', owner: 'ann' };
    const make = (requestId?: string) =>
      tokens.create({
        ...of,
        data: { a: 1 },
        ...(custom !== undefined && { token: custom }),
        ...(requestId !== undefined && { requestId }),
      });
    const { token } = await make();
    expect(await tokens.count(of)).toBe(1);
    expect(await tokens.update({ type: 'key', token, data: { a: 2, b: 3 } })).toMatchObject({ data: { a: 2, b: 3 } });
    expect(await tokens.refresh({ type: 'key', token, ttl: '1h' })).toBe(true);
    // the answer is that of the second: it was not there any more
    expect(await tokens.delete({ type: 'key', token })).toBe(false);
    expect(await tokens.get({ type: 'key', token })).toBeNull();
    const asked = await make('r');
    expect(await tokens.get({ type: 'key', token: asked.token })).toEqual(asked);
    expect(await tokens.count(of)).toBe(1);
    expect(await tokens.consume({ type: 'key', token: asked.token, requestId: 'r' })).toEqual(asked);
    const lost = await make();
    expect(await tokens.consume({ type: 'key', token: lost.token })).toBeNull();
    expect(await tokens.get({ type: 'key', token: lost.token })).toBeNull();
    await make();
    expect(await tokens.deleteAll(of)).toBe(0);
    expect(await tokens.count(of)).toBe(0);
    expect((await server.keys('*')).filter((key) => !/^p:[rp]:/.test(key))).toEqual([]);
    expect(await withoutTtl(redis)).toEqual([]);
  });
});

describe('a foreign key of another type', () => {
  const OF = { type: 'key', owner: 'ann' };
  const BY_TOKEN = ['get', 'update', 'refresh', 'consume', 'delete'];

  function calls({ token, id }: { token: string; id: string }): Record<string, () => Promise<unknown>> {
    const of = { type: 'key', token };
    return {
      get: () => tokens.get(of),
      update: () => tokens.update({ ...of, data: { a: 1 } }),
      refresh: () => tokens.refresh({ ...of, ttl: '1h' }),
      consume: () => tokens.consume(of),
      delete: () => tokens.delete(of),
      'delete by id': () => tokens.delete({ type: 'key', id }),
      list: () => tokens.list(OF),
      count: () => tokens.count(OF),
      deleteAll: () => tokens.deleteAll(OF),
      'deleteAll of every type': () => tokens.deleteAll({ owner: 'ann' }),
      create: () => tokens.create(OF),
      'create without an end': () => tokens.create({ ...OF, ttl: 'never' }),
      'create again': () => tokens.create({ ...OF, requestId: 'once' }),
      'create custom': () => tokens.create({ ...OF, token: 'mine' }),
      'refresh custom': () => tokens.refresh({ type: 'key', token: 'mine', ttl: '1h' }),
      'get custom': () => tokens.get({ type: 'key', token: 'mine' }),
    };
  }

  it.each([
    ['record', 'k', [...BY_TOKEN, 'delete by id', 'list']],
    [
      'index',
      'i',
      [...BY_TOKEN, 'delete by id', 'list', 'count', 'deleteAll', 'deleteAll of every type', 'create', 'create without an end'],
    ],
    ['registry of types', 'o', ['deleteAll of every type', 'create', 'create without an end', 'create custom']],
    ['pointer', 'p', ['get custom', 'refresh custom', 'create custom']],
    ['answer to a request', 'r', ['create again']],
  ])('in place of the %s: a typed error, and nothing is half-written', async (_what, letter, affected) => {
    const made = await tokens.create({ ...OF, requestId: 'once' });
    if (letter === 'p') await tokens.create({ ...OF, token: 'mine' });
    const [key] = (await server.keys(`p:${letter}:*`)) as [string];
    await server.del(key);
    await server.hset(key, 'foreign', '1');
    await server.pexpire(key, 60_000);
    const before = await dump();
    for (const name of affected) {
      const { error } = await outcomeOf(calls(made)[name]!());
      expect(error, name).toBeInstanceOf(StoreUnavailableError);
      expect(await dump(), name).toEqual(before);
    }
    expect(await withoutTtl(redis)).toEqual([]);
    // nobody else is concerned
    await everyScript('bob');
  });

  /** Every key with its content. */
  async function dump(): Promise<Record<string, string>> {
    const keys = (await server.keys('*')).toSorted();
    const entries = await Promise.all(keys.map(async (key) => [key, (await server.dumpBuffer(key))!.toString('latin1')] as const));
    return Object.fromEntries(entries);
  }
});

describe('S7 keys of others', () => {
  it('survive whatever ids come', async () => {
    const foreign = { 'app:config': 'x', 'cache:1': 'y', 'k:{abcdef}x': 'z', 'p:': 'w', 'app:default|type:key|owner:ann|token:x': 'v' };
    await server.mset(foreign);
    for (const id of ['app', '*', 'app:config', '{}', '?', '[a-z]', '\\', 'a b', 'p:k:{abcdef}x', '\n', '\0', '__proto__', '%', '%2A']) {
      await everyScript(id);
      await everyScript(id, id, `${id}!`);
    }
    expect(await server.mget(Object.keys(foreign))).toEqual(Object.values(foreign));
    const others = (await server.keys('*')).filter((key) => !/^p:[kioprc]:\{/.test(key));
    expect(others.toSorted()).toEqual(Object.keys(foreign).toSorted());
  });
});
