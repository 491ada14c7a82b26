import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, StoreFullError, TokenExistsError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import type { TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
let server: Redis;
let on: TokensUnderTest;
let tokens: TokenStore;
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis, 10_000);
  on = await openTokens({ redis: redis.url, keyPrefix: 'p:', commandTimeout: 10_000 });
  ({ tokens } = on);
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});
beforeEach(() => server.flushall());

const KEY = { type: 'key', token: 'of-my-own' };
const keysOf = (letter: string): Promise<string[]> => server.keys(`p:${letter}:*`);

describe('a token that is taken', () => {
  it('is a TokenExistsError for everyone, and nothing of the attempt is left', async () => {
    await tokens.create({ ...KEY, owner: 'ann', data: { a: 1 } });
    const before = await server.dbsize();
    for (const owner of ['ann', 'bob']) {
      await expect(tokens.create({ ...KEY, owner })).rejects.toBeInstanceOf(TokenExistsError);
    }
    expect(await server.dbsize()).toBe(before);
    expect(await tokens.count({ type: 'key', owner: 'bob' })).toBe(0);
    expect(await tokens.get(KEY)).toMatchObject({ owner: 'ann', data: { a: 1 } });
  });

  it('stays a TokenExistsError when the request is repeated, and succeeds once it is free', async () => {
    await tokens.create({ ...KEY, owner: 'ann' });
    for (let n = 0; n < 3; n++) {
      const { error } = await outcomeOf(tokens.create({ ...KEY, owner: 'bob', requestId: 'once' }));
      expect(error).toBeInstanceOf(TokenExistsError);
    }
    await tokens.delete(KEY);
    expect(await tokens.create({ ...KEY, owner: 'bob', requestId: 'once' })).toMatchObject({ owner: 'bob' });
    expect(await tokens.get(KEY)).toMatchObject({ owner: 'bob' });
  });

  it('is only within its app and type', async () => {
    const scopes = [{ type: 'key' }, { type: 'other' }, { type: 'key', app: 'shop' }];
    for (const scope of scopes) await tokens.create({ token: 'same', owner: 'ann', data: { scope }, ...scope });
    for (const scope of scopes) expect(await tokens.get({ token: 'same', ...scope })).toMatchObject({ data: { scope } });
    expect(await tokens.delete({ token: 'same', type: 'other' })).toBe(true);
    expect(await tokens.get({ token: 'same', type: 'key' })).not.toBeNull();
  });

  it('goes to exactly one of 100 that create it at once, for the same owner or for many', async () => {
    for (const ownerOf of [(): string => 'ann', (n: number): string => `owner-${n}`]) {
      const token = `race of ${ownerOf(1)}`;
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, n) => outcomeOf(tokens.create({ type: 'key', token, owner: ownerOf(n), data: { n } }))),
      );
      const winners = outcomes.flatMap(({ result }) => result ?? []);
      expect(winners).toHaveLength(1);
      expect(outcomes.filter(({ error }) => error instanceof TokenExistsError)).toHaveLength(99);
      expect(await tokens.get({ type: 'key', token })).toEqual(winners[0]);
    }
    expect(await keysOf('k')).toHaveLength(2);
  });

  it('is free again after delete, consume, deleteAll, and its end', async () => {
    const ends = [
      () => tokens.delete(KEY),
      () => tokens.consume(KEY),
      () => tokens.deleteAll({ type: 'key', owner: 'ann' }),
      async () => tokens.delete({ type: 'key', id: (await tokens.get(KEY))!.id }),
      async () => server.del(...(await keysOf('k'))),
      async () => server.del(...(await keysOf('i'))),
      () => tokens.refresh({ ...KEY, ttl: '1 ms' }).then(() => until(async () => (await tokens.get(KEY)) === null)),
    ];
    for (const [n, end] of ends.entries()) {
      await tokens.create({ ...KEY, owner: n % 2 === 0 ? 'ann' : 'ann', data: { n }, ttl: n % 2 === 0 ? '1h' : 'never' });
      await end();
      expect(await tokens.get(KEY)).toBeNull();
    }
    await tokens.create({ ...KEY, owner: 'bob' });
  });

  it('in the form of a generated one is refused', async () => {
    const { token } = await tokens.create({ type: 'key', owner: 'ann' });
    await expect(tokens.create({ type: 'key', owner: 'bob', token })).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(tokens.create({ type: 'key', owner: 'bob', token: 'x'.repeat(49) })).rejects.toMatchObject({ argument: 'token' });
    for (const near of ['x'.repeat(48), 'x'.repeat(50), `${'x'.repeat(48)}.`]) {
      expect(await tokens.create({ type: 'key', owner: 'bob', token: near })).toMatchObject({ token: near });
    }
  });
});

describe('the pointer', () => {
  const pointer = async (): Promise<string> => (await keysOf('p'))[0]!;

  it('lives at least as long as the record, whatever becomes of its life', async () => {
    await tokens.create({ ...KEY, owner: 'ann', ttl: '1m' });
    for (const ttl of ['5s', '1h', '2m', 'never', '1h', '3 days'] as const) {
      expect(await tokens.refresh({ ...KEY, ttl })).toBe(true);
      const ends = await Promise.all([server.pexpiretime((await keysOf('k'))[0]!), server.pexpiretime(await pointer())]);
      if (ends[0] === -1) expect(ends[1]).toBe(-1);
      else expect(ends[1] === -1 || ends[1]! >= ends[0]!, `after ${ttl}: ${ends.join(' ')}`).toBe(true);
    }
  });

  it('S17 gets an end where the record that was never to end gets one', async () => {
    await tokens.create({ ...KEY, owner: 'ann', ttl: 'never' });
    expect(await server.pttl(await pointer())).toBe(-1);
    expect(await tokens.refresh({ ...KEY, ttl: '1h' })).toBe(true);
    expect(await server.pttl(await pointer())).toBeGreaterThan(3_590_000);
    expect(await tokens.get(KEY)).not.toBeNull();
  });

  it('S17 of a record that is gone is not made to live for ever', async () => {
    await tokens.create({ ...KEY, owner: 'ann', ttl: '1h' });
    await server.del(...(await keysOf('k')));
    expect(await tokens.refresh({ ...KEY, ttl: 'never' })).toBe(false);
    for (const key of await keysOf('p')) expect(await server.pttl(key)).toBeGreaterThan(0);
  });

  it('without a record is absent, for every method', async () => {
    await tokens.create({ ...KEY, owner: 'ann' });
    await server.del(...(await keysOf('k')));
    expect(await pointer()).toBeDefined();
    expect(await tokens.get(KEY)).toBeNull();
    expect(await tokens.update({ ...KEY, data: { a: 1 } })).toBeNull();
    expect(await tokens.consume(KEY)).toBeNull();
    expect(await tokens.delete(KEY)).toBe(false);
    expect(await tokens.refresh({ ...KEY, ttl: '1h' })).toBe(false);
    expect(await tokens.create({ ...KEY, owner: 'bob' })).toMatchObject({ owner: 'bob' });
  });

  it('that is lost leaves a record that can be listed and deleted, and a token that can be made again', async () => {
    const { id } = await tokens.create({ ...KEY, owner: 'ann' });
    await server.del(await pointer());
    expect(await tokens.get(KEY)).toBeNull();
    expect(await tokens.list({ type: 'key', owner: 'ann' })).toMatchObject([{ id }]);
    await tokens.create({ ...KEY, owner: 'ann' });
    expect(await tokens.delete({ type: 'key', id })).toBe(true);
    // that record's own pointer is another's now, and stays
    expect(await tokens.get(KEY)).toMatchObject({ owner: 'ann' });
  });

  it('does not fit in memory: StoreFullError, and the record is gone again, for a repeat too', async () => {
    const { client } = on.connection;
    const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    try {
      // the memory runs out between the two round trips
      Object.assign(client, {
        async evalsha(...args: unknown[]) {
          const reply = await evalsha(...args);
          await server.config('SET', 'maxmemory', '1');
          return reply;
        },
      });
      const { error } = await outcomeOf(tokens.create({ ...KEY, owner: 'ann', requestId: 'once' }));
      expect(error).toBeInstanceOf(StoreFullError);
    } finally {
      Object.assign(client, { evalsha });
      await server.config('SET', 'maxmemory', '0');
    }
    expect(await tokens.list({ type: 'key', owner: 'ann' })).toEqual([]);
    expect(await server.keys('*')).toEqual([]);
    expect(await tokens.create({ ...KEY, owner: 'ann', requestId: 'once' })).toEqual(await tokens.get(KEY));
  });
});
