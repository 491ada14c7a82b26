import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { usedMemory } from '../../support/used-memory.js';

const SESSIONS = 10_000;
const USERS = 1_000;
const MOST_BYTES = 340;
/** The feed with its anchor; the tombstone of a session, and the index of its user, that holds the user's epoch. */
const OTHERS = 2 + 2;

let redis: TestRedis;
let server: Redis;
let on: SessionsUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis);
  on = await openSessions({ redis: redis.url, keyPrefix: 'auth:', commandTimeout: 10_000 });
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

/** A few at a time. */
async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      for (const item of left) await act(item);
    }),
  );
}

describe(`${SESSIONS} sessions of ${USERS} users`, () => {
  const tokens: string[] = [];
  let before: number;

  it(`take at most ${MOST_BYTES} bytes each, with their share of the index`, { timeout: 120_000 }, async () => {
    const warm = await on.sessions.create('warm');
    await on.sessions.refresh(warm.refreshToken);
    await on.sessions.revoke(warm.sessionId);
    before = await usedMemory(server);
    await each([...Array(SESSIONS).keys()], async (n) => {
      tokens[n] = (await on.sessions.create(`user-${n % USERS}`)).refreshToken;
    });
    const bytes = ((await usedMemory(server)) - before) / SESSIONS;
    expect(await server.dbsize()).toBe(SESSIONS + USERS + OTHERS);
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });

  it(`take at most ${MOST_BYTES} bytes after refreshes, too`, { timeout: 180_000 }, async () => {
    for (let round = 0; round < 3; round++) {
      await each([...tokens.keys()], async (n) => {
        tokens[n] = (await on.sessions.refresh(tokens[n]!)).refreshToken;
      });
    }
    expect(((await usedMemory(server)) - before) / SESSIONS).toBeLessThanOrEqual(MOST_BYTES);
    // the sessions of a tenth of the users up to the hundredth
    await each(
      [...tokens.keys()].filter((n) => n % USERS < USERS / 10),
      async (n) => {
        for (let round = 3; round < 100; round++) tokens[n] = (await on.sessions.refresh(tokens[n]!)).refreshToken;
      },
    );
    const bytes = ((await usedMemory(server)) - before) / SESSIONS;
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
    expect(await server.dbsize()).toBe(SESSIONS + USERS + OTHERS);
  });
});

it('a session does not grow with its refreshes, and for its age by no more than the allocator rounds', async () => {
  let pair = await on.sessions.create('alone');
  const [record] = await server.keys(`*s:*${pair.sessionId.slice(6)}`);
  const size = async (): Promise<number> => (await server.memory('USAGE', record!))!;
  const atSignIn = await size();
  const sizes: number[] = [];
  for (let n = 0; n < 100; n++) {
    pair = await on.sessions.refresh(pair.refreshToken);
    sizes.push(await size());
  }
  // what a refresh at the end of its 30 days would write: the longest numbers there are
  await server.hset(record!, 'r', 30 * 24 * 3_600 * 1_000_000, 'g', 4_000);
  sizes.push(await size());
  expect(Math.max(...sizes)).toBeLessThanOrEqual(atSignIn + 16);
});
