import { expect, inject, it } from 'vitest';
import { openSessions } from '../../support/sessions.js';
import { openTokens } from '../../support/tokens.js';

const COUNT = 4_000;
/** Of a fair coin thrown COUNT times: beyond six standard deviations once in 500 million bits. */
const UNFAIR = 6 * Math.sqrt(COUNT / 4);

function expectRandom(texts: readonly string[], bits: number): void {
  expect(new Set(texts).size).toBe(COUNT);
  const bytes = texts.map((text) => Buffer.from(text, 'base64url'));
  const ones = Array.from({ length: bits }, (_, bit) => bytes.filter((each) => (each[bit >> 3]! >> (bit & 7)) & 1).length);
  expect(ones.filter((count) => Math.abs(count - COUNT / 2) > UNFAIR)).toEqual([]);
  const repeats = bytes.filter((each, n) => n > 0 && each.subarray(0, 8).equals(bytes[n - 1]!.subarray(0, 8)));
  expect(repeats).toEqual([]);
}

async function many<T>(make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < COUNT) made.push(...(await Promise.all(Array.from({ length: 200 }, make))));
  return made;
}

it('what authenticates has 256 random bits, and the id of a session 128; all of it is safe in a URL', { timeout: 120_000 }, async () => {
  const redis = inject('redisUrl');
  await using store = await openTokens({ redis, commandTimeout: 10_000 });
  await using users = await openSessions({ redis, commandTimeout: 10_000 });
  const life = { absoluteTimeout: '1m', idleTimeout: '1m', accessTokenTtl: '1m' } as const;
  const tokens = await many(() => store.tokens.create({ type: 'key', owner: 'ada', ttl: '1m' }));
  const sessions = await many(() => users.sessions.create('ada', life));
  for (const { token } of tokens) expect(token).toMatch(/^[\w.~-]+$/);
  for (const { refreshToken, accessToken, sessionId } of sessions)
    for (const text of [refreshToken, accessToken, sessionId]) expect(text).toMatch(/^[\w.~-]+$/);
  expectRandom(
    tokens.map(({ token }) => token.slice(-43)),
    256,
  );
  expectRandom(
    sessions.map(({ refreshToken }) => refreshToken.split('.').find((part) => part.length === 43)!),
    256,
  );
  expectRandom(
    sessions.map(({ sessionId }) => sessionId.slice(-22)),
    128,
  );
});
