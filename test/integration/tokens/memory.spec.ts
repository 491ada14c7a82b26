import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { usedMemory } from '../../support/used-memory.js';

const TOKENS = 10_000;
const OWNERS = 100;
const MOST_BYTES = 300;

let redis: TestRedis;
let server: Redis;
let on: TokensUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis);
  on = await openTokens({ redis: redis.url, keyPrefix: 'auth:', commandTimeout: 10_000 });
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

it.each(['24h', 'never'] as const)(
  `${TOKENS} tokens of ${OWNERS} owners take at most ${MOST_BYTES} bytes each, with their share of the index (%s)`,
  { timeout: 120_000 },
  async (ttl) => {
    await on.tokens.create({ type: 'api-key', owner: 'warm', ttl });
    await on.tokens.deleteAll({ owner: 'warm' });
    const before = await usedMemory(server);
    const numbers = [...Array(TOKENS).keys()].values();
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        for (const n of numbers) await on.tokens.create({ type: 'api-key', owner: `user-${n % OWNERS}`, ttl });
      }),
    );
    const bytes = ((await usedMemory(server)) - before) / TOKENS;
    expect(await server.dbsize()).toBe(TOKENS + 2 * OWNERS);
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
    for (let n = 0; n < OWNERS; n++) expect(await on.tokens.deleteAll({ owner: `user-${n}` })).toBe(TOKENS / OWNERS);
    expect(await server.dbsize()).toBe(0);
  },
);
