import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StoreFullError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let server: Redis;
let on: TokensUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  server = clientOf(redis);
  on = await openTokens({ redis: redis.url, keyPrefix: 'p:' });
});
afterEach(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

it('a Redis that is full refuses create and update as a whole; get, list, refresh, consume and every end go on', async () => {
  const { tokens } = on;
  const OF = { type: 'key', owner: 'ann' };
  const made = await Promise.all(Array.from({ length: 7 }, (_, n) => tokens.create({ ...OF, data: { n } })));
  const [a, b, c, d] = made.map(({ token }) => ({ type: 'key', token })) as [KeyOf, KeyOf, KeyOf, KeyOf];
  const custom = { type: 'key', token: 'mine' };
  const never = await tokens.create({ ...OF, ttl: 'never', ...custom });
  await tokens.create({ ...OF, type: 'reset' });
  await server.config('SET', 'maxmemory-policy', 'noeviction');
  await server.config('SET', 'maxmemory', '1');
  expect((await outcomeOf(server.set('more', 'x'))).error).toMatchObject({ message: expect.stringMatching(/^OOM/) as unknown });

  const size = await server.dbsize();
  for (const init of [
    {},
    { requestId: 'once' },
    { token: 'another' },
    { token: 'another', requestId: 'twice' },
    { ttl: 'never' as const },
  ]) {
    const { error } = await outcomeOf(tokens.create({ ...OF, ...init }));
    expect(error).toBeInstanceOf(StoreFullError);
    expect(error).toMatchObject({ operation: 'tokens.create', retryAfter: 1 });
  }
  expect(await server.dbsize()).toBe(size);
  expect(await tokens.count(OF)).toBe(8);
  for (const of of [a, custom]) {
    const { error } = await outcomeOf(tokens.update({ ...of, data: { more: 'x' } }));
    expect(error).toBeInstanceOf(StoreFullError);
    expect(error).toMatchObject({ operation: 'tokens.update' });
  }
  expect(await tokens.get(a)).toEqual(made[0]);

  expect(await tokens.list(OF)).toHaveLength(8);
  expect(await tokens.refresh({ ...a, ttl: '1h' })).toBe(true);
  expect(await tokens.refresh({ ...custom, ttl: '1h' })).toBe(true);
  expect(await tokens.consume(b)).toEqual(made[1]);
  expect(await tokens.consume({ ...c, requestId: 'r' })).toEqual(made[2]);
  expect(await tokens.consume({ ...c, requestId: 'r' })).toEqual(made[2]);
  expect(await tokens.delete(d)).toBe(true);
  expect(await tokens.delete({ type: 'key', id: made[4]!.id })).toBe(true);
  expect(await tokens.consume(custom)).toMatchObject({ id: never.id });
  expect(await tokens.deleteAll(OF)).toBe(3);
  expect(await tokens.deleteAll({ owner: 'ann' })).toBe(1);
  expect(await withoutTtl(redis)).toEqual([]);
  expect(await server.dbsize()).toBe(1);

  await server.config('SET', 'maxmemory', '0');
  expect(await tokens.get({ ...(await tokens.create({ ...OF, requestId: 'once' })) })).not.toBeNull();
});

interface KeyOf {
  type: string;
  token: string;
}
