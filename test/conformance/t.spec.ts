import { TokenExistsError, TokenStore } from 'nestjs-redis-auth';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniquePrefix } from '../support/key-prefix.js';
import { until } from '../support/until.js';
import { bootApp, type InstanceOfApp } from './app.js';

let redis: TestRedis;
let app: InstanceOfApp;
beforeAll(async () => {
  redis = await startRedis();
  app = await bootApp({ redis: redis.url });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await redis.stop();
});

const ways: Record<string, () => { tokens: TokenStore; close: () => Promise<void> }> = {
  'of the module': () => ({ tokens: app.nest.get(TokenStore), close: async () => undefined }),
  'made by hand': () => {
    const tokens = new TokenStore({ redis: redis.url, keyPrefix: uniquePrefix() });
    return { tokens, close: () => tokens.close() };
  },
};

describe.each(Object.keys(ways))('T opaque tokens, with a TokenStore %s', (name) => {
  let tokens: TokenStore;
  let close: () => Promise<void>;
  beforeAll(() => {
    ({ tokens, close } = ways[name]!());
  });
  afterAll(() => close());

  it('T1 create returns app, type, owner, data ({} by default) and the token', async () => {
    const made = await tokens.create({ app: 'shop', type: 'invite', owner: 'ann' });
    expect(made).toEqual({
      app: 'shop',
      type: 'invite',
      owner: 'ann',
      data: {},
      token: expect.stringMatching(/^[\w-]{49}$/) as string,
      id: expect.stringMatching(/^[\w-]{28}$/) as string,
      createdAt: expect.any(Date) as Date,
      expiresAt: new Date(made.createdAt.getTime() + 86_400_000),
    });
    expect(Math.abs(made.createdAt.getTime() - Date.now())).toBeLessThan(5_000);
    const data = { roles: ['admin'], nested: { empty: [] }, n: 9007199254740991 };
    expect(await tokens.create({ type: 'invite', owner: 'ann', data })).toMatchObject({ data, app: expect.any(String) as string });
    const many = await Promise.all(Array.from({ length: 200 }, () => tokens.create({ type: 'invite', owner: 'ann' })));
    expect(new Set(many.map(({ token }) => token.slice(6))).size).toBe(200);
    expect(new Set(many.map(({ id }) => id)).size).toBe(200);
  });

  it('T2 a custom token is used verbatim', async () => {
    const made = await tokens.create({ type: 'key', owner: 'ann', token: 'Präfix_ 123 🙂', data: { a: 1 } });
    expect(made.token).toBe('Präfix_ 123 🙂');
    expect(await tokens.get({ type: 'key', token: 'Präfix_ 123 🙂' })).toEqual(made);
    await expect(tokens.create({ type: 'key', owner: 'bob', token: 'Präfix_ 123 🙂' })).rejects.toBeInstanceOf(TokenExistsError);
  });

  it("T3 ttl gives it an end, 'never' none", async () => {
    const short = await tokens.create({ type: 'ttl', owner: 'ann', ttl: '150 ms' });
    const seconds = await tokens.create({ type: 'ttl', owner: 'ann', ttl: 90 });
    const never = await tokens.create({ type: 'ttl', owner: 'ann', ttl: 'never' });
    expect(short.expiresAt!.getTime() - short.createdAt.getTime()).toBe(150);
    expect(seconds.expiresAt!.getTime() - seconds.createdAt.getTime()).toBe(90_000);
    expect(never.expiresAt).toBeNull();
    await until(async () => (await tokens.get({ type: 'ttl', token: short.token })) === null);
    expect(await tokens.list({ type: 'ttl', owner: 'ann' })).toMatchObject([{ id: seconds.id }, { id: never.id, expiresAt: null }]);
    expect(await tokens.get({ type: 'ttl', token: never.token })).toEqual(never);
  });

  it('T4 get finds a token without its owner, and returns it', async () => {
    for (const owner of ['ann', 'o|w:n{e}r', 'ü 🙂', '__proto__']) {
      const made = await tokens.create({ type: 'key', owner, data: { a: 1 } });
      expect(await tokens.get({ type: 'key', token: made.token })).toEqual(made);
    }
  });

  it('T5 unknown is null for get, update and consume, false for delete and refresh', async () => {
    for (const token of ['unknown', 'x'.repeat(49), (await tokens.create({ type: 'other', owner: 'ann' })).token]) {
      const of = { type: 'key', token };
      expect(await tokens.get(of)).toBeNull();
      expect(await tokens.update({ ...of, data: { a: 1 } })).toBeNull();
      expect(await tokens.consume(of)).toBeNull();
      expect(await tokens.refresh({ ...of, ttl: '1h' })).toBe(false);
      expect(await tokens.delete(of)).toBe(false);
    }
    expect(await tokens.delete({ type: 'key', id: 'x'.repeat(28) })).toBe(false);
    expect(await tokens.deleteAll({ type: 'key', owner: 'nobody' })).toBe(0);
  });

  it('T6 refresh sets the ttl, longer, shorter or none, from now on', async () => {
    for (const custom of [{}, { token: `refreshed ${name}` }]) {
      const { token, createdAt } = await tokens.create({ type: 'key', owner: 'ann', ttl: '1h', data: { a: 1 }, ...custom });
      for (const [ttl, ms] of [['2h', 7_200_000] as const, ['1m', 60_000] as const]) {
        expect(await tokens.refresh({ type: 'key', token, ttl })).toBe(true);
        const found = (await tokens.get({ type: 'key', token }))!;
        expect(found.expiresAt!.getTime() - createdAt.getTime()).toBeGreaterThanOrEqual(ms);
        expect(found.expiresAt!.getTime() - createdAt.getTime()).toBeLessThan(ms + 10_000);
        expect(found).toMatchObject({ createdAt, data: { a: 1 } });
      }
      expect(await tokens.refresh({ type: 'key', token, ttl: 'never' })).toBe(true);
      expect((await tokens.get({ type: 'key', token }))!.expiresAt).toBeNull();
      expect(await tokens.refresh({ type: 'key', token, ttl: '50 ms' })).toBe(true);
      await until(async () => (await tokens.get({ type: 'key', token })) === null);
    }
  });

  it('T7 update: null deletes, undefined is ignored, others are set; shallow; the ttl stays; the merged token comes back', async () => {
    for (const custom of [{}, { token: `updated ${name}` }]) {
      const made = await tokens.create({ type: 'key', owner: 'ann', ttl: '1h', data: { a: 1, b: 2, c: { d: 1, e: 2 } }, ...custom });
      const updated = await tokens.update({ type: 'key', token: made.token, data: { a: null, b: undefined, c: { d: null }, f: [] } });
      expect(updated).toEqual({ ...made, data: { b: 2, c: { d: null }, f: [] } });
      expect(await tokens.get({ type: 'key', token: made.token })).toEqual(updated);
      expect(await tokens.update({ type: 'key', token: made.token, data: {} })).toEqual(updated);
    }
  });

  it('T8 delete ends it, by token or by public id, and is idempotent', async () => {
    const [one, two, three] = await Promise.all([
      tokens.create({ type: 'key', owner: 'ann' }),
      tokens.create({ type: 'key', owner: 'ann' }),
      tokens.create({ type: 'key', owner: 'ann', token: `deleted ${name}` }),
    ]);
    expect(await tokens.delete({ type: 'key', token: one.token })).toBe(true);
    expect(await tokens.delete({ type: 'key', id: two.id })).toBe(true);
    expect(await tokens.delete({ type: 'key', id: three.id })).toBe(true);
    for (const { token, id } of [one, two, three]) {
      expect(await tokens.get({ type: 'key', token })).toBeNull();
      expect(await tokens.delete({ type: 'key', token })).toBe(false);
      expect(await tokens.delete({ type: 'key', id })).toBe(false);
    }
    // an id is public: it never authenticates
    const { id } = await tokens.create({ type: 'key', owner: 'ann' });
    expect(await tokens.get({ type: 'key', token: id })).toBeNull();
    expect(await tokens.delete({ type: 'other', id })).toBe(false);
    expect(await tokens.delete({ type: 'key', app: 'other', id })).toBe(false);
    expect(await tokens.delete({ type: 'key', id, owner: 'bob' })).toBe(false);
    expect(await tokens.delete({ type: 'key', id })).toBe(true);
  });

  it('T9 deleteAll ends those of that owner in that app and type only, and says how many', async () => {
    const of = { app: 'a9', type: 'key', owner: 'ann' };
    const others = [
      { ...of, owner: 'ann2' },
      { ...of, type: 'key2' },
      { ...of, app: 'a92' },
      { ...of, owner: 'an' },
    ];
    const kept = await Promise.all(others.map((other) => tokens.create(other)));
    await Promise.all(Array.from({ length: 5 }, () => tokens.create(of)));
    expect(await tokens.deleteAll(of)).toBe(5);
    expect(await tokens.deleteAll(of)).toBe(0);
    for (const made of kept) expect(await tokens.get(made)).toEqual(made);
    expect(await tokens.deleteAll({ app: 'a9', owner: 'ann' })).toBe(1);
    expect(await tokens.get(kept[1]!)).toBeNull();
  });

  it('T10 app and type keep tokens apart', async () => {
    const scopes = [{ type: 'reset' }, { type: 'verify' }, { app: 'shop', type: 'reset' }, { app: 'reset', type: 'shop' }];
    const made = await Promise.all(scopes.map((scope) => tokens.create({ ...scope, owner: 'ann' })));
    for (const [n, { token }] of made.entries()) {
      for (const [m, scope] of scopes.entries()) {
        expect(await tokens.get({ ...scope, token }), `${n} under ${m}`).toEqual(n === m ? made[n] : null);
        if (n !== m) expect(await tokens.consume({ ...scope, token })).toBeNull();
      }
    }
    for (const scope of scopes) expect(await tokens.count({ ...scope, owner: 'ann' })).toBe(1);
  });

  it('T11 the raw client is reachable', async () => {
    expect(await tokens.client.ping()).toBe('PONG');
    expect(await tokens.client.dbsize()).toBeGreaterThan(0);
  });
});
