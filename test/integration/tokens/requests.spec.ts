import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { type StoredToken, TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { until } from '../../support/until.js';

const OTHER_SECRET = 'Zb8Xn3Qe6Wt1Yr9Uo4Ip7As2Dk5Fl0GhMv';
const OF = { type: 'key', owner: 'ann' };

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

describe('create with a requestId', () => {
  it.each<[string, { token?: string }]>([
    ['a generated token', {}],
    ['a custom token', { token: 'mine' }],
  ])('again gives the first answer, whatever else is asked: %s', async (_what, { token }) => {
    const first = await tokens.create({ ...OF, requestId: 'r', data: { a: 1 }, ttl: '1h', ...(token !== undefined && { token }) });
    const again: StoredToken[] = await Promise.all([
      tokens.create({ ...OF, requestId: 'r', ...(token !== undefined && { token }) }),
      tokens.create({ ...OF, requestId: 'r', type: 'other', data: { b: 2 }, ttl: 'never', ...(token !== undefined && { token }) }),
    ]);
    expect(again).toEqual([first, first]);
    expect(await tokens.get({ type: 'key', token: first.token })).toEqual(first);
    expect(await tokens.count(OF)).toBe(1);
    expect(await tokens.count({ ...OF, type: 'other' })).toBe(0);
  });

  it('a hundred times at once stores one token', async () => {
    for (const custom of [{}, { token: 'mine' }]) {
      const made = await Promise.all(
        Array.from({ length: 100 }, () => tokens.create({ ...OF, ...custom, requestId: `r ${custom.token}` })),
      );
      expect(new Set(made.map(({ token }) => token)).size).toBe(1);
      expect(await tokens.get({ type: 'key', token: made[0]!.token })).toEqual(made[99]);
    }
    expect(await tokens.count(OF)).toBe(2);
  });

  it('is scoped to app and owner, and to the method', async () => {
    const made = await Promise.all([
      tokens.create({ ...OF, requestId: 'r' }),
      tokens.create({ ...OF, owner: 'bob', requestId: 'r' }),
      tokens.create({ ...OF, app: 'shop', requestId: 'r' }),
      tokens.create({ ...OF, requestId: 'r2' }),
      tokens.create({ ...OF, requestId: 'r:' }),
    ]);
    expect(new Set(made.map(({ token }) => token)).size).toBe(5);
    expect(await tokens.consume({ type: 'key', token: made[0]!.token, requestId: 'r' })).toEqual(made[0]);
    expect(await tokens.consume({ type: 'key', token: made[3]!.token, requestId: 'r' })).toEqual(made[3]);
  });

  it('still says what it said where the token has ended since, and revives nothing', async () => {
    for (const custom of [{}, { token: 'mine' }]) {
      const requestId = `r ${custom.token}`;
      const first = await tokens.create({ ...OF, ...custom, requestId });
      expect(await tokens.delete({ type: 'key', token: first.token })).toBe(true);
      expect(await tokens.create({ ...OF, ...custom, requestId })).toEqual(first);
      expect(await tokens.get({ type: 'key', token: first.token })).toBeNull();
    }
    expect(await tokens.count(OF)).toBe(0);
  });

  it('makes up for a pointer that did not reach Redis', async () => {
    const first = await tokens.create({ ...OF, token: 'mine', requestId: 'r' });
    await server.del(...(await server.keys('p:p:*')));
    expect(await tokens.get({ type: 'key', token: 'mine' })).toBeNull();
    expect(await tokens.create({ ...OF, token: 'mine', requestId: 'r' })).toEqual(first);
    expect(await tokens.get({ type: 'key', token: 'mine' })).toEqual(first);
  });

  it('used for another token before is an InvalidArgumentError: the first one is stored nowhere', async () => {
    await tokens.create({ ...OF, token: 'mine', requestId: 'r' });
    for (const custom of [{}, { token: 'other' }]) {
      const { error } = await outcomeOf(tokens.create({ ...OF, ...custom, requestId: 'r' }));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error).toMatchObject({ argument: 'requestId' });
    }
    expect(await tokens.count(OF)).toBe(1);
  });

  it('is remembered for 60 s', async () => {
    await tokens.create({ ...OF, requestId: 'r' });
    const { token } = await tokens.create({ ...OF, ttl: 'never' });
    await tokens.consume({ type: 'key', token, requestId: 'r' });
    const answers = await server.keys('p:r:*');
    expect(answers).toHaveLength(2);
    for (const key of answers) {
      const ttl = await server.pttl(key);
      expect(ttl).toBeGreaterThan(55_000);
      expect(ttl).toBeLessThanOrEqual(60_000);
    }
    // as if that time were over
    await server.del(...answers);
    await tokens.create({ ...OF, requestId: 'r' });
    expect(await tokens.count(OF)).toBe(2);
    expect(await tokens.consume({ type: 'key', token, requestId: 'r' })).toBeNull();
  });

  it('needs a key to derive from: a store by hand without one refuses it before any command', async () => {
    const keyless = new TokenStore({ redis: { host: '127.0.0.1', port: 1 }, commandTimeout: 200 });
    const { error } = await outcomeOf(keyless.create({ ...OF, requestId: 'r' }));
    await keyless.close();
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ argument: 'requestId' });
  });

  it('with a secret of its own works by hand, and what Redis holds does not make the token without it', async () => {
    const options = { redis: redis.url, keyPrefix: 'q:', secret: TEST_SECRET };
    const [one, two, stranger] = [options, options, { ...options, secret: OTHER_SECRET }].map((each) => new TokenStore(each));
    try {
      const first = await one!.create({ ...OF, requestId: 'r' });
      expect(await two!.create({ ...OF, requestId: 'r' })).toEqual(first);
      const { error, result } = await outcomeOf(stranger!.create({ ...OF, requestId: 'r' }));
      expect(result).toBeUndefined();
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error).toMatchObject({ argument: 'requestId' });
      expect(await stranger!.get({ type: 'key', token: first.token })).toEqual(first);
    } finally {
      await Promise.all([one, two, stranger].map((store) => store!.close()));
    }
  });

  it('is answered by every instance that knows the key, whichever it signs with; and is refused by others', async () => {
    const [old, fresh] = [
      { kid: 'old', secret: TEST_SECRET },
      { kid: 'new', secret: OTHER_SECRET },
    ];
    const open = (...keys: (typeof old)[]) => openTokens({ redis: redis.url, keyPrefix: 'p:', jwt: { keys: keys as never } });
    await using before = await open(old!, fresh!);
    await using after = await open(fresh!, old!);
    await using late = await open(fresh!);
    const first = await before.tokens.create({ ...OF, requestId: 'r' });
    expect(await after.tokens.create({ ...OF, requestId: 'r' })).toEqual(first);
    const { error } = await outcomeOf(late.tokens.create({ ...OF, requestId: 'r' }));
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'requestId' });
    expect(await late.tokens.get({ type: 'key', token: first.token })).toEqual(first);
  });

  it('of two registrations with one secret makes different tokens of one nonce', async () => {
    await using other = await openTokens({ redis: redis.url, keyPrefix: 'q:' });
    const first = await tokens.create({ ...OF, requestId: 'r' });
    const [answer] = (await server.keys('p:r:*')) as [string];
    await server.set(`q${answer.slice(1)}`, (await server.get(answer))!, 'PX', 60_000);
    const { error } = await outcomeOf(other.tokens.create({ ...OF, requestId: 'r' }));
    expect(error).toMatchObject({ argument: 'requestId' });
    expect(String(await server.get(answer))).not.toContain(first.token.slice(6));
  });
});

describe('consume with a requestId', () => {
  it.each([{}, { token: 'mine' }])('tells the one who got it that it was so, and nobody else (%j)', async (custom) => {
    const { token } = await tokens.create({ ...OF, ...custom, data: { a: 1 } });
    const reference = { type: 'key', token };
    const winner = await tokens.consume({ ...reference, requestId: 'winner' });
    expect(winner).toMatchObject({ token, owner: 'ann', data: { a: 1 } });
    for (let n = 0; n < 3; n++) expect(await tokens.consume({ ...reference, requestId: 'winner' })).toEqual(winner);
    expect(await tokens.consume({ ...reference, requestId: 'other' })).toBeNull();
    expect(await tokens.consume(reference)).toBeNull();
    expect(await tokens.get(reference)).toBeNull();
    expect(await tokens.count(OF)).toBe(0);
  });

  it('is scoped to the token', async () => {
    const [one, two] = [await tokens.create(OF), await tokens.create(OF)];
    expect(await tokens.consume({ type: 'key', token: one.token, requestId: 'r' })).toEqual(one);
    expect(await tokens.consume({ type: 'key', token: two.token, requestId: 'r' })).toEqual(two);
  });

  it.each([{}, { token: 'soon over' }])('is answered again although the life of the token would be over by then: %j', async (custom) => {
    const { token } = await tokens.create({ ...OF, ttl: '1500 ms', ...custom });
    const consumption = { type: 'key', token, requestId: 'late' };
    const first = await tokens.consume(consumption);
    expect(first).toMatchObject({ owner: 'ann' });
    await until(() => Date.now() > first!.expiresAt!.getTime() + 50, { what: 'its life is over' });
    expect(await tokens.consume(consumption)).toEqual(first);
    expect(await tokens.consume({ ...consumption, requestId: 'other' })).toBeNull();
  });

  it('that came too late is not remembered as an answer', async () => {
    const { token } = await tokens.create({ ...OF, token: 'mine' });
    await tokens.consume({ type: 'key', token });
    expect(await tokens.consume({ type: 'key', token, requestId: 'r' })).toBeNull();
    const again = await tokens.create({ ...OF, token: 'mine' });
    expect(await tokens.consume({ type: 'key', token, requestId: 'r' })).toEqual(again);
  });

  it('of a custom token that was made again meanwhile is about the new one', async () => {
    const reference = { type: 'key', token: 'mine', requestId: 'r' };
    const first = await tokens.create({ ...OF, token: 'mine' });
    expect(await tokens.consume(reference)).toEqual(first);
    const second = await tokens.create({ ...OF, token: 'mine', data: { second: true } });
    expect(await tokens.get(reference)).toEqual(second);
    expect(await tokens.consume(reference)).toEqual(second);
  });
});
