import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import type { StoredToken, TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { until } from '../../support/until.js';

const OF = { type: 'key', owner: 'ann' };

let redis: TestRedis;
let server: Redis;
let on: TokensUnderTest;
let tokens: TokenStore;
beforeAll(async () => {
  redis = await startRedis({ config: ['enable-debug-command yes'] });
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
afterEach(() => vi.useRealTimers());

const serverTime = async (): Promise<number> => {
  const [seconds, micros] = await server.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
};

describe('a token lives by the clock of the server', () => {
  it('whatever the clock of the process says', async () => {
    for (const skew of [-86_400_000, 86_400_000]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + skew });
      const before = await serverTime();
      const made = await tokens.create({ ...OF, ttl: '1h' });
      expect(made.createdAt.getTime()).toBeGreaterThanOrEqual(before);
      expect(made.createdAt.getTime()).toBeLessThanOrEqual(await serverTime());
      expect(made.expiresAt!.getTime()).toBe(made.createdAt.getTime() + 3_600_000);
      expect(await tokens.get(made)).toEqual(made);
      expect(await tokens.refresh({ ...made, ttl: '1h' })).toBe(true);
      expect((await tokens.get(made))!.expiresAt!.getTime()).toBeLessThanOrEqual((await serverTime()) + 3_600_000);
      vi.useRealTimers();
    }
    expect(await tokens.count(OF)).toBe(2);
  });

  it('to the millisecond: record, count and list agree on each of 200 ends, and on what the token says', async () => {
    const made = await Promise.all(
      Array.from({ length: 200 }, (_, n) => tokens.create({ ...OF, ttl: 0.05 + n / 50, ...(n % 4 === 0 && { token: `mine-${n}` }) })),
    );
    let looks = 0;
    await until(
      async () => {
        const before = await serverTime();
        const [count, list, found] = await Promise.all([
          tokens.count(OF),
          tokens.list(OF),
          Promise.all(made.map(async (each) => ((await tokens.get(each)) === null ? [] : [each]))).then((each) => each.flat()),
        ]);
        const after = await serverTime();
        const liveAt = (time: number): StoredToken[] => made.filter(({ expiresAt }) => expiresAt!.getTime() >= time);
        for (const seen of [count, list.length, found.length]) {
          expect(seen).toBeLessThanOrEqual(liveAt(before).length);
          expect(seen).toBeGreaterThanOrEqual(liveAt(after + 1).length);
        }
        looks++;
        return count === 0;
      },
      { within: 15_000, every: 1, what: 'all have expired' },
    );
    expect(looks).toBeGreaterThan(5);
    expect(await tokens.list(OF)).toEqual([]);
    await until(async () => (await server.keys('p:[kio]:*')).length === 0);
  });

  it('and when it has ended nothing brings it back, also if Redis has not yet removed it', async () => {
    await server.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    for (const custom of [{}, { token: 'mine' }]) {
      const { token, id, expiresAt } = await tokens.create({ ...OF, ttl: '20 ms', ...custom });
      await until(async () => (await serverTime()) > expiresAt!.getTime(), { every: 1 });
      const reference = { type: 'key', token };
      expect(await tokens.update({ ...reference, data: { a: 1 } })).toBeNull();
      expect(await tokens.refresh({ ...reference, ttl: 'never' })).toBe(false);
      expect(await tokens.consume({ ...reference, requestId: 'r' })).toBeNull();
      expect(await tokens.delete({ type: 'key', id })).toBe(false);
      expect(await tokens.deleteAll(OF)).toBe(0);
      expect(await tokens.get(reference)).toBeNull();
    }
    await server.call('DEBUG', 'SET-ACTIVE-EXPIRE', '1');
  });

  it('update leaves its end where it was, to the millisecond', async () => {
    for (const ttl of ['1h', 'never'] as const) {
      const made = await tokens.create({ ...OF, ttl });
      for (let n = 0; n < 20; n++) expect((await tokens.update({ ...made, data: { n } }))?.expiresAt).toEqual(made.expiresAt);
      expect(await server.pexpiretime(`p:k:{${made.id.slice(0, 6)}}${made.id.slice(6)}`)).toBe(made.expiresAt?.getTime() ?? -1);
    }
  });
});
