import { randomUUID } from 'node:crypto';
import { RedisTokens } from 'redis-tokens';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TokenExistsError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { CommandMonitor } from '../../support/monitor.js';
import { settledIn } from '../../support/settled-in.js';

/** A server of its own for each, since what they do to each other's keys is among what is compared. */
let redis: TestRedis;
let theirs: TestRedis;
let original: RedisTokens;
let tokens: TokenStore;
beforeAll(async () => {
  [redis, theirs] = await Promise.all([startRedis(), startRedis()]);
  original = new RedisTokens(theirs.socketPath);
  tokens = new TokenStore({ redis: redis.url, commandTimeout: 10_000 });
  await original.client.ping();
});
afterAll(async () => {
  original.client.disconnect();
  await tokens.close();
  await Promise.all([redis.stop(), theirs.stop()]);
});

/** Fresh for each test: what an earlier one left matches patterns, too. */
const fresh = () => ({ app: `app-${randomUUID()}`, type: 'session', owner: 'ann' });

describe('side by side with redis-tokens 0.0.2', () => {
  it.each(['*', '?????', '[a-z]*'])('S1 %j as a token: there it finds that of somebody else, here nothing', async (pattern) => {
    const of = fresh();
    await original.create({ ...of, customToken: 'alice', data: { secret: 1 } });
    expect(await original.get({ ...of, token: pattern })).toMatchObject({ owner: 'ann', data: { secret: 1 } });
    await original.delete({ ...of, token: pattern });
    expect(await original.get({ ...of, token: 'alice' })).toBeUndefined();

    await tokens.create({ ...of, token: 'alice', data: { secret: 1 } });
    expect(await tokens.get({ ...of, token: pattern })).toBeNull();
    expect(await tokens.delete({ ...of, token: pattern })).toBe(false);
    expect(await tokens.get({ ...of, token: 'alice' })).toMatchObject({ data: { secret: 1 } });
  });

  it('S2 a type that begins like another: there its token is found under the shorter one, here not', async () => {
    const of = fresh();
    const long = { ...of, type: 'session-admin' };
    const made = (await original.create(long))!;
    expect(await original.get({ ...of, token: made.token })).toMatchObject({ token: made.token });
    const mine = await tokens.create(long);
    expect(await tokens.get({ ...of, token: mine.token })).toBeNull();
    expect(await tokens.get({ ...long, token: mine.token })).toEqual(mine);
  });

  it('S2 deleteAll of an owner: there it ends the tokens of owners that begin alike, here not', async () => {
    const of = fresh();
    const other = { ...of, owner: 'anna' };
    const made = (await original.create(other))!;
    await original.deleteAll(of);
    expect(await original.get({ ...other, token: made.token })).toBeUndefined();
    const mine = await tokens.create(other);
    await tokens.create(of);
    expect(await tokens.deleteAll(of)).toBe(1);
    expect(await tokens.get({ ...other, token: mine.token })).toEqual(mine);
  });

  it('S3 an owner with "|token" in it: there it is cut, here it comes back', async () => {
    const of = { ...fresh(), owner: 'ann|token:x' };
    const made = (await original.create(of))!;
    expect((await original.get({ ...of, token: made.token }))?.owner).toBe('ann');
    const mine = await tokens.create(of);
    expect((await tokens.get({ ...of, token: mine.token }))?.owner).toBe('ann|token:x');
  });

  it('S3 an owner with a pattern in it: there the token of one with a bracket is gone, here it is not', async () => {
    const of = { ...fresh(), owner: '[ann' };
    await original.create({ ...of, customToken: 'a[b' });
    expect(await original.get({ ...of, token: 'a[b' })).toBeUndefined();
    await tokens.create({ ...of, token: 'a[b' });
    expect(await tokens.get({ ...of, token: 'a[b' })).toMatchObject({ owner: '[ann' });
  });

  it('S4 undefined in an update: there it deletes the field, here it is ignored as promised', async () => {
    const of = fresh();
    const made = (await original.create({ ...of, data: { a: 1, b: 2 } }))!;
    await original.update({ ...of, token: made.token, data: { a: undefined, b: 3 } });
    expect((await original.get({ ...of, token: made.token }))?.data).toEqual({ b: 3 });
    const mine = await tokens.create({ ...of, data: { a: 1, b: 2 } });
    await tokens.update({ ...of, token: mine.token, data: { a: undefined, b: 3 } });
    expect((await tokens.get({ ...of, token: mine.token }))?.data).toEqual({ a: 1, b: 3 });
  });

  it('S5 updates of different fields at once: there all but one are lost, here all land', async () => {
    const of = fresh();
    const fields = Array.from({ length: 20 }, (_, n) => ({ [`f${n}`]: n }));
    const made = (await original.create(of))!;
    await Promise.all(fields.map((data) => original.update({ ...of, token: made.token, data })));
    expect(Object.keys((await original.get({ ...of, token: made.token }))!.data)).toHaveLength(1);
    const mine = await tokens.create(of);
    await Promise.all(fields.map((data) => tokens.update({ ...of, token: mine.token, data })));
    expect((await tokens.get({ ...of, token: mine.token }))?.data).toEqual(Object.assign({}, ...fields));
  });

  it('S5 S17 update against delete: there it brings the token back, for ever; here it does not', async () => {
    const of = fresh();
    const made = (await original.create({ ...of, duration: 60 }))!;
    const reference = { ...of, token: made.token };
    const get = original.client.get.bind(original.client);
    // the delete comes between its two commands
    Object.assign(original.client, { get: (key: string) => get(key).then((value) => original.delete(reference).then(() => value)) });
    await original.update({ ...reference, data: { a: 1 } });
    Object.assign(original.client, { get });
    expect(await original.get(reference)).toMatchObject({ data: { a: 1 } });
    expect(await original.client.ttl((await original.client.keys(`*${of.app}*`))[0]!)).toBe(-1);

    const mine = await tokens.create({ ...of, ttl: 60 });
    await Promise.all([tokens.delete({ ...of, token: mine.token }), tokens.update({ ...of, token: mine.token, data: { a: 1 } })]);
    expect(await tokens.get({ ...of, token: mine.token })).toBeNull();
    expect(await tokens.count(of)).toBe(0);
  });

  it('S8 a ttl that is none: there the token lives for ever, here nothing is stored', async () => {
    const of = fresh();
    const made = (await original.create({ ...of, duration: 0 }))!;
    expect(made.token).toBeDefined();
    expect(await original.client.ttl((await original.client.keys(`*${of.app}*`))[0]!)).toBe(-1);
    for (const ttl of [0, -1, Number.NaN, '', '5', 'soon']) {
      await expect(tokens.create({ ...of, ttl })).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'ttl' });
    }
    expect(await tokens.count(of)).toBe(0);
  });

  it('a custom token that is taken: there its owner loses it silently, here it is a TokenExistsError', async () => {
    const of = fresh();
    await original.create({ ...of, customToken: 'same', data: { first: true } });
    await original.create({ ...of, customToken: 'same', data: { second: true } });
    expect((await original.get({ ...of, token: 'same' }))?.data).toEqual({ second: true });
    await tokens.create({ ...of, token: 'same', data: { first: true } });
    await expect(tokens.create({ ...of, token: 'same', data: { second: true } })).rejects.toBeInstanceOf(TokenExistsError);
    expect((await tokens.get({ ...of, token: 'same' }))?.data).toEqual({ first: true });
  });

  it('S14 Redis down: there an error looks like "not found", here it is an error within its bound', async () => {
    const down = new RedisTokens({ host: '127.0.0.1', port: 1, maxRetriesPerRequest: 0, retryStrategy: () => null } as never);
    down.client.on('error', () => undefined);
    const store = new TokenStore({ redis: { host: '127.0.0.1', port: 1 }, commandTimeout: 300 });
    try {
      expect(await down.get({ ...fresh(), token: 'x'.repeat(49) })).toBeUndefined();
      const { error, ms } = await settledIn(() => store.get({ type: 'session', token: 'x'.repeat(49) }));
      expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', operation: 'tokens.get' });
      expect(ms).toBeLessThan(600);
    } finally {
      down.client.disconnect();
      await store.close();
    }
  });

  it('S15 get, update, refresh, delete, deleteAll: there each runs KEYS, here none', async () => {
    const of = fresh();
    const made = (await original.create(of))!;
    const reference = { ...of, token: made.token };
    const there = await commandsDuring(theirs, async () => {
      await original.get(reference);
      await original.update({ ...reference, data: { a: 1 } });
      await original.refresh({ ...reference, duration: 60 });
      await original.delete(reference);
      await original.deleteAll(of);
    });
    expect(there.sent['keys']).toBe(5);
    const mine = { ...of, token: (await tokens.create(of)).token };
    const here = await commandsDuring(redis, async () => {
      await tokens.get(mine);
      await tokens.update({ ...mine, data: { a: 1 } });
      await tokens.refresh({ ...mine, ttl: 60 });
      await tokens.delete(mine);
      await tokens.deleteAll(of);
    });
    expect(here.sent).not.toHaveProperty('keys');
    expect(here.inScripts).not.toHaveProperty('keys');
    expect(here.sent['get']).toBeUndefined();
  });

  it('S16 the token itself: there in MONITOR and in the names of keys, here nowhere', async () => {
    const of = fresh();
    const seenAt = async (server: TestRedis, work: () => Promise<string>): Promise<{ commands: number; keys: number }> => {
      await using monitor = await CommandMonitor.start(server);
      const token = await work();
      const commands = (await monitor.commands()).filter(({ args }) => args.some((arg) => arg.includes(token)));
      const keys = await ask(server, (client) => client.keys('*'));
      const values = await ask(server, (client) => Promise.all(keys.map((key) => client.dumpBuffer(key))));
      const stored = keys.filter((key, n) => key.includes(token) || values[n]!.includes(token));
      return { commands: commands.length, keys: stored.length };
    };
    const there = await seenAt(theirs, async () => {
      const { token } = (await original.create(of))!;
      await original.get({ ...of, token });
      return token;
    });
    expect(there.commands).toBeGreaterThan(1);
    expect(there.keys).toBe(1);
    for (const custom of [{}, { token: 'a-token-of-my-own' }]) {
      const here = await seenAt(redis, async () => {
        const { token } = await tokens.create({ ...of, ...custom });
        await tokens.get({ ...of, token });
        await tokens.update({ ...of, token, data: { a: 1 } });
        await tokens.refresh({ ...of, token, ttl: 60 });
        await tokens.consume({ ...of, token, requestId: 'r' });
        return token.slice(6);
      });
      expect(here).toEqual({ commands: 0, keys: 0 });
    }
  });

  it('S17 no duration asked for: there a token for ever, here one day', async () => {
    const of = fresh();
    await original.create(of);
    expect(await original.client.ttl((await original.client.keys(`*${of.app}*`))[0]!)).toBe(-1);
    const { createdAt, expiresAt } = await tokens.create(of);
    expect(expiresAt!.getTime() - createdAt.getTime()).toBe(86_400_000);
    const keys = await ask(redis, (client) => client.keys(`*${of.app}*`));
    for (const key of keys) expect(await ask(redis, (client) => client.ttl(key))).toBeGreaterThan(86_000);
  });

  it('T6 refresh of an unknown token: there it looks like that of a known one, here it is told', async () => {
    const of = fresh();
    expect(await original.refresh({ ...of, token: 'unknown', duration: 60 })).toBeUndefined();
    expect(await tokens.refresh({ ...of, token: 'unknown', ttl: 60 })).toBe(false);
    const mine = await tokens.create(of);
    expect(await tokens.refresh({ ...of, token: mine.token, ttl: '7 days' })).toBe(true);
    const { expiresAt } = (await tokens.get({ ...of, token: mine.token }))!;
    expect(expiresAt!.getTime() - mine.createdAt.getTime()).toBeGreaterThanOrEqual(7 * 86_400_000);
  });
});
