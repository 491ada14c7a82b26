import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import type { TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { seededRandom } from '../../support/seeded-random.js';
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

const OF = { type: 'key', owner: 'ann' };
const only = async (letter: string): Promise<string> => {
  const keys = await server.keys(`p:${letter}:*`);
  expect(keys).toHaveLength(1);
  return keys[0]!;
};
const indexed = async (): Promise<number> => server.zcard(await only('i'));

describe('a key that Redis evicts', () => {
  it('an index: its tokens are dead for every method, and stay dead when the owner gets new ones', async () => {
    const { token, id } = await tokens.create({ ...OF, data: { a: 1 } });
    await server.del(await only('i'));
    await tokens.create(OF);
    expect(await tokens.get({ type: 'key', token })).toBeNull();
    expect(await tokens.update({ type: 'key', token, data: { a: 2 } })).toBeNull();
    expect(await tokens.refresh({ type: 'key', token, ttl: 'never' })).toBe(false);
    expect(await tokens.consume({ type: 'key', token })).toBeNull();
    expect(await tokens.consume({ type: 'key', token, requestId: 'once' })).toBeNull();
    expect(await tokens.delete({ type: 'key', token })).toBe(false);
    expect(await tokens.delete({ type: 'key', id })).toBe(false);
    expect(await tokens.count(OF)).toBe(1);
    expect(await tokens.list(OF)).toHaveLength(1);
  });

  it('a record: the token is gone, and list forgets it', async () => {
    const [lost, kept] = [await tokens.create({ ...OF, ttl: 'never' }), await tokens.create({ ...OF, ttl: '1h' })];
    await server.del(`p:k:{${lost.id.slice(0, 6)}}${lost.id.slice(6)}`);
    expect(await tokens.get({ type: 'key', token: lost.token })).toBeNull();
    expect(await tokens.update({ type: 'key', token: lost.token, data: { a: 1 } })).toBeNull();
    expect(await indexed()).toBe(2);
    expect(await tokens.list(OF)).toMatchObject([{ id: kept.id }]);
    expect(await indexed()).toBe(1);
    expect(await tokens.count(OF)).toBe(1);
    // the one without an end was what kept them without one
    for (const letter of ['i', 'o']) expect(await server.pttl(await only(letter))).toBeGreaterThan(3_500_000);
  });

  it('the registry of types: deleteAll still ends every type that was used since', async () => {
    await tokens.create({ ...OF, ttl: '1h' });
    await server.del(await only('o'));
    const { token } = await tokens.create({ ...OF, ttl: '30m' });
    expect(await tokens.deleteAll({ owner: 'ann' })).toBe(2);
    expect(await tokens.get({ type: 'key', token })).toBeNull();
    expect(await server.dbsize()).toBe(0);
  });
});

describe('what has expired', () => {
  it('leaves the index with the next list, 1,000 and more of them', async () => {
    const { id } = await tokens.create({ ...OF, ttl: '1h' });
    await server.zadd(await only('i'), ...Array.from({ length: 1_500 }, (_, n) => [n + 1, `expired-${n}`]).flat());
    expect(await tokens.count(OF)).toBe(1);
    expect(await tokens.list(OF)).toMatchObject([{ id }]);
    expect(await indexed()).toBe(1);
  });

  it('leaves the index with new tokens, faster than they come', async () => {
    await tokens.create({ ...OF, ttl: '1h' });
    await Promise.all(Array.from({ length: 100 }, () => tokens.create({ ...OF, ttl: '30 ms' })));
    await until(async () => (await tokens.count(OF)) === 1);
    for (let n = 0; n < 8; n++) await tokens.create({ ...OF, ttl: '1h' });
    expect(await indexed()).toBe(9);
  });

  it('takes its type out of the registry, so that types of one use each do not pile up', async () => {
    await tokens.create({ ...OF, ttl: 'never' });
    for (let n = 0; n < 50; n++) await tokens.create({ ...OF, type: `order-${n}`, ttl: '1 ms' });
    await until(async () => (await server.keys('p:i:*')).length === 1);
    await tokens.create({ ...OF, type: 'other', ttl: '1h' });
    expect(await server.zcard(await only('o'))).toBe(2);
  });
});

describe('index and registry', () => {
  it('S17 live as long as the longest of their tokens, and for ever only while one of those does', async () => {
    const random = seededRandom(20_261_121);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const types = ['key', 'reset', 'invite'];
    const lives = ['10m', '1h', '2h', '3 days', 'never'] as const;
    const live: { type: string; token: string; expires: number }[] = [];
    for (let step = 0; step < 400; step++) {
      const type = pick(types);
      const act = random();
      if (act < 0.45 || live.length === 0) {
        const made = await tokens.create({ type, owner: 'ann', ttl: pick(lives), ...(random() < 0.2 && { token: `mine-${step}` }) });
        live.push({ type, token: made.token, expires: made.expiresAt?.getTime() ?? Infinity });
      } else {
        const one = pick(live);
        if (act < 0.65) {
          expect(await tokens.refresh({ ...one, ttl: pick(lives) })).toBe(true);
          one.expires = (await tokens.get(one))!.expiresAt?.getTime() ?? Infinity;
        } else if (act < 0.97) {
          if (act < 0.8) expect(await tokens.delete({ type: one.type, token: one.token })).toBe(true);
          else expect(await tokens.consume(one)).not.toBeNull();
          live.splice(live.indexOf(one), 1);
        } else {
          const ended = live.filter((token) => token.type === type).length;
          expect(await tokens.deleteAll({ type, owner: 'ann' })).toBe(ended);
          for (const token of live.filter((each) => each.type === type)) live.splice(live.indexOf(token), 1);
        }
      }
      const longest = (of: typeof live): number => {
        if (of.length === 0) return -2;
        const last = Math.max(...of.map(({ expires }) => expires));
        return last === Infinity ? -1 : last;
      };
      const [registry = 'p:o:none'] = await server.keys('p:o:*');
      expect(await server.pexpiretime(registry), `registry after step ${step}`).toBe(longest(live));
      for (const name of types) {
        const [index = 'p:i:none'] = await server.keys(`p:i:*:${name}`);
        expect(await server.pexpiretime(index), `index of ${name} after step ${step}`).toBe(
          longest(live.filter((each) => each.type === name)),
        );
      }
      expect(await server.keys('p:k:*')).toHaveLength(live.length);
    }
    await tokens.deleteAll({ owner: 'ann' });
    expect(await server.dbsize()).toBe(0);
  });

  it('expire with their tokens', async () => {
    await tokens.create({ ...OF, ttl: '200 ms', token: 'mine' });
    await tokens.create({ ...OF, ttl: '100 ms', requestId: 'once' });
    await tokens.create({ ...OF, ttl: 'never' }).then(({ token }) => tokens.consume({ type: 'key', token }));
    await until(async () => (await server.dbsize()) === 1);
    expect(await server.pttl(await only('r'))).toBeGreaterThan(50_000);
  });
});
