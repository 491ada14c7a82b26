import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { StoreUnavailableError, TokenStore } from 'nestjs-redis-auth';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AWKWARD } from '../support/awkward-ids.js';
import { ask } from '../support/ask.js';
import { commandStats, growth } from '../support/commands.js';
import { CommandMonitor } from '../support/monitor.js';
import { captureLog } from '../support/open-connection.js';
import { TEST_SECRET } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';
import { withoutTtl } from '../support/without-ttl.js';
import { bootApp, type InstanceOfApp } from './app.js';

let redis: TestRedis;
let app: InstanceOfApp;
let tokens: TokenStore;
beforeAll(async () => {
  redis = await startRedis();
  app = await bootApp({ redis: redis.url, keyPrefix: 'auth:' });
  tokens = app.nest.get(TokenStore);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await redis.stop();
});
afterEach(() => Logger.overrideLogger(false));

const errorOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => `resolved: ${inspect(value)}`,
    (error: unknown) => error,
  );

describe('S what others get wrong with tokens', () => {
  it('S1 a pattern in place of a token, an id or an owner never matches another', async () => {
    const { token, id } = await tokens.create({ type: 'key', owner: 'ann' });
    await tokens.create({ type: 'key', owner: 'ann', token: 'of my own' });
    for (const text of AWKWARD.flatMap((end) => [end, token.slice(0, -1) + end, `of my ow${end}`])) {
      const of = { type: 'key', token: text };
      expect(await tokens.get(of), text).toBeNull();
      expect(await tokens.update({ ...of, data: { a: 1 } })).toBeNull();
      expect(await tokens.refresh({ ...of, ttl: '1h' })).toBe(false);
      expect(await tokens.consume(of)).toBeNull();
      expect(await tokens.delete(of)).toBe(false);
      if (Buffer.byteLength(text) > 256) continue;
      expect(await tokens.delete({ type: 'key', id: text })).toBe(false);
      expect(await tokens.delete({ type: text, id })).toBe(false);
      expect(await tokens.deleteAll({ type: 'key', owner: text })).toBe(0);
      expect(await tokens.deleteAll({ owner: text })).toBe(0);
      expect(await tokens.list({ type: text, owner: 'ann' })).toEqual([]);
    }
    expect(await tokens.count({ type: 'key', owner: 'ann' })).toBe(2);
  });

  it('S2 type, owner and app never bleed by their beginnings', async () => {
    const texts = ['user', 'user-session', 'user:session', 'abc', 'abcd', 'ab'];
    const places = texts.flatMap((type) => texts.flatMap((owner) => ['abc', 'abcd'].map((in_) => ({ type, owner, app: in_ }))));
    await Promise.all(places.map((place) => tokens.create(place)));
    expect(await tokens.deleteAll({ type: 'user', owner: 'abc', app: 'abc' })).toBe(1);
    expect(await tokens.deleteAll({ owner: 'user', app: 'abcd' })).toBe(texts.length);
    for (const place of places) {
      const isGone =
        (place.type === 'user' && place.owner === 'abc' && place.app === 'abc') || (place.owner === 'user' && place.app === 'abcd');
      expect(await tokens.count(place), inspect(place)).toBe(isGone ? 0 : 1);
    }
  });

  it('S3 awkward text in any id or token cannot collide, be cut, or leave its slot', async () => {
    for (const text of AWKWARD) {
      for (const place of [
        { type: text, owner: 'bob' },
        { type: 'key', owner: text },
        { type: 'key', owner: 'bob', app: text },
        { type: text, owner: text, app: text },
      ]) {
        const made = await tokens.create({ ...place, data: { text } });
        const own = await tokens.create({ ...place, token: text });
        expect(await tokens.get({ ...place, token: made.token })).toEqual(made);
        expect(await tokens.get({ ...place, token: text })).toEqual(own);
        expect((await tokens.list(place)).map(({ id }) => id).toSorted()).toEqual([made.id, own.id].toSorted());
        expect(await tokens.deleteAll(place)).toBe(2);
      }
    }
    const long = 'x'.repeat(10_240);
    for (const argument of ['type', 'owner', 'app', 'token']) {
      expect(await errorOf(tokens.create({ type: 'key', owner: 'bob', [argument]: long }))).toMatchObject({
        code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT',
        argument,
      });
    }
    for (const key of await ask(redis, (client) => client.keys('auth:[kiodprc]:*'))) {
      expect(key).toMatch(/^auth:[kiodprc]:\{[\w-]{6}\}[^{}\s]*$/);
    }
  });

  it('S4 undefined keeps the field', async () => {
    const { token } = await tokens.create({ type: 'key', owner: 'cat', data: { a: 1, b: 2 } });
    expect((await tokens.update({ type: 'key', token, data: { a: undefined, b: 3 } }))?.data).toEqual({ a: 1, b: 3 });
  });

  it('S5 update after delete revives nothing; concurrent updates keep both fields', async () => {
    for (const custom of [{}, { token: 'of dan' }]) {
      const { token } = await tokens.create({ type: 'key', owner: 'dan', ...custom });
      await Promise.all(Array.from({ length: 50 }, (_, n) => tokens.update({ type: 'key', token, data: { [`f${n}`]: n } })));
      expect(Object.keys((await tokens.get({ type: 'key', token }))!.data)).toHaveLength(50);
      await tokens.delete({ type: 'key', token });
      expect(await tokens.update({ type: 'key', token, data: { back: true } })).toBeNull();
      expect(await tokens.refresh({ type: 'key', token, ttl: 'never' })).toBe(false);
      expect(await tokens.get({ type: 'key', token })).toBeNull();
      expect(await tokens.count({ type: 'key', owner: 'dan' })).toBe(0);
    }
  });

  it('S8 an invalid ttl rejects before anything is issued or stored', async () => {
    const made = await tokens.create({ type: 'key', owner: 'eve' });
    const size = await app.connection.dbSize();
    for (const ttl of ['', '5', 'soon', '-1s', '1 fortnight', 'Never', 0, -5, 0.0001, Number.NaN, Infinity, 1e12, null, {}, []]) {
      for (const call of [
        () => tokens.create({ type: 'key', owner: 'eve', ttl: ttl as never }),
        () => tokens.create({ type: 'key', owner: 'eve', ttl: ttl as never, token: 'eve' }),
        () => tokens.refresh({ ...made, ttl: ttl as never }),
      ]) {
        expect(await errorOf(call()), String(ttl)).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'ttl' });
      }
    }
    expect(await app.connection.dbSize()).toBe(size);
    expect(await tokens.get(made)).toEqual(made);
    for (const defaultTtl of ['5', 'soon', 0, -1, 'never']) {
      await expect(bootApp({ redis: redis.url, tokens: { defaultTtl } })).rejects.toMatchObject({
        issues: [{ path: 'tokens.defaultTtl' }],
      });
    }
  });

  it('S14 with Redis down every call fails in bounded time, as something else than "not found"', async () => {
    await using own = await startRedis();
    Logger.overrideLogger(false);
    await using lost = await bootApp({ redis: own.url, commandTimeout: 300 });
    const store = lost.nest.get(TokenStore);
    const { token, id } = await until(() => store.create({ type: 'key', owner: 'ann' }));
    for (const fault of ['pause', 'kill'] as const) {
      await own[fault]();
      for (const of of [
        { type: 'key', token },
        { type: 'key', token: 'custom' },
      ]) {
        const { result: errors, ms } = await settledIn(() =>
          Promise.all(
            [
              store.create({ type: 'key', owner: 'ann' }),
              store.create({ ...of, owner: 'ann', token: 'custom' }),
              store.get(of),
              store.update({ ...of, data: { a: 1 } }),
              store.refresh({ ...of, ttl: '1h' }),
              store.consume(of),
              store.delete(of),
              store.delete({ type: 'key', id }),
              store.deleteAll({ owner: 'ann' }),
              store.list({ type: 'key', owner: 'ann' }),
              store.count({ type: 'key', owner: 'ann' }),
            ].map(errorOf),
          ),
        );
        expect(errors?.filter((error) => !(error instanceof StoreUnavailableError))).toEqual([]);
        expect(ms).toBeLessThan(600);
      }
    }
  });

  it('S15 no request’s path has KEYS or SCAN', async () => {
    const before = await commandStats(redis);
    for (const custom of [{}, { token: 'hal' }]) {
      const made = await tokens.create({ type: 'key', owner: 'hal', requestId: inspect(custom), ...custom });
      await tokens.get(made);
      await tokens.update({ ...made, data: { a: 1 } });
      await tokens.refresh({ ...made, ttl: '1h' });
      await tokens.list({ type: 'key', owner: 'hal' });
      await tokens.count({ type: 'key', owner: 'hal' });
      await tokens.consume({ ...made, requestId: 'r' });
      await tokens.delete({ type: 'key', id: made.id });
      await tokens.create({ type: 'key', owner: 'hal', ...custom });
      await tokens.deleteAll({ owner: 'hal' });
    }
    const used = Object.keys(growth(before, await commandStats(redis)));
    expect(used).toContain('evalsha');
    expect(used.filter((name) => /scan|^keys|flush|sort|smembers/.test(name))).toEqual([]);
  });

  it('S16 no raw token in MONITOR, keys, values, errors or logs', async () => {
    await using own = await startRedis();
    await using one = await bootApp({ redis: own.url, keyPrefix: 'auth:' });
    const store = one.nest.get(TokenStore);
    const log = captureLog();
    await store.count({ type: 'key', owner: 'nobody' });
    await until(async () => {
      const clients = String(await ask(own, (client) => client.client('LIST'))).match(/ cmd=\S+/g)!;
      return clients.some((cmd) => /cmd=eval/.test(cmd));
    });
    await using monitor = await CommandMonitor.start(own);
    const places: string[] = [];
    const secrets = [TEST_SECRET];
    for (const custom of [{}, { token: 'my-own-secret-token' }]) {
      const made = await store.create({ type: 'key', owner: 'ann', requestId: 'r' + inspect(custom), data: { a: 1 }, ...custom });
      const of = { type: 'key', token: made.token };
      await store.get(of);
      await store.update({ ...of, data: { b: 2 } });
      await store.refresh({ ...of, ttl: 'never' });
      secrets.push(made.token, custom.token ?? made.token.slice(6));
      places.push(inspect(await errorOf(store.create({ ...of, owner: 'bob' })), { depth: 10, showHidden: true }));
      places.push(inspect(await errorOf(store.update({ ...of, data: { big: 'x'.repeat(20_000) } })), { depth: 10 }));
      places.push(...(await stored(own)));
      await store.consume({ ...of, requestId: 'c' });
      places.push(inspect(await store.list({ type: 'key', owner: 'ann' })));
    }
    places.push(...(await stored(own)), ...log, ...(await monitor.commands()).map(({ args }) => args.join(' ')));
    await own.kill();
    for (const token of secrets.slice(1)) {
      places.push(inspect(await errorOf(store.get({ type: 'key', token })), { depth: 10, showHidden: true }));
      places.push(JSON.stringify(await errorOf(store.consume({ type: 'key', token }))));
    }
    places.push(...log);
    expect(places.join()).toMatch(/auth:k:\{.{6}\}/);
    for (const secret of secrets) expect(places.filter((place) => place.includes(secret))).toEqual([]);
  });

  it('S17 no key without a TTL unless asked', async () => {
    await using own = await startRedis();
    await using one = await bootApp({ redis: own.url, keyPrefix: 'auth:' });
    const store = one.nest.get(TokenStore);
    const never = await store.create({ type: 'key', owner: 'ann', ttl: 'never', token: 'for ever' });
    expect((await withoutTtl(own)).map((key) => key.slice(0, 7)).toSorted()).toEqual(['auth:i:', 'auth:k:', 'auth:o:', 'auth:p:']);
    for (const custom of [{}, { token: 'some time' }]) {
      const { token } = await store.create({ type: 'key', owner: 'ann', ...custom });
      await store.update({ type: 'key', token, data: { a: 1 } });
      await store.refresh({ type: 'key', token, ttl: 'never' });
      await store.refresh({ type: 'key', token, ttl: '1h' });
      await store.create({ type: 'reset', owner: 'ann', requestId: `r${token}` });
    }
    await store.update({ ...never, data: { a: 1 } });
    expect(await withoutTtl(own)).toHaveLength(4);
    expect(await store.refresh({ ...never, ttl: '2h' })).toBe(true);
    expect(await withoutTtl(own)).toEqual([]);
    expect(await one.connection.dbSize()).toBeGreaterThan(8);
  });
});

/** Names of all keys, and what they hold. */
function stored(server: TestRedis): Promise<string[]> {
  return ask(server, async (client) => {
    const keys = await client.keys('*');
    return Promise.all(keys.map(async (key) => `${key} ${(await client.dumpBuffer(key))!.toString('latin1')}`));
  });
}
