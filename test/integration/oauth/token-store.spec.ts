import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DecryptionError,
  InvalidArgumentError,
  RedisAuthConfigError,
  StoreFullError,
  StoreUnavailableError,
} from '../../../lib/errors/index.js';
import { type AccessToken, encryptionKeyPurpose, OAuthTokenStore, type OAuthTokenStoreOptions } from '../../../lib/oauth/index.js';
import { derivedKeys } from '../../../lib/jwt/index.js';
import { type RedisAuthModuleOptions, resolveOptions } from '../../../lib/options/index.js';
import { RedisAuthConnection } from '../../../lib/redis/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { commandsDuring, commandStats, growth } from '../../support/commands.js';
import { HOSTILE_VALUES, isId } from '../../support/hostile-values.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { TEST_SECRET, testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

const HOUR = 3_600;
const KEY_A = 'a7Zr-tests-only-9vKc2LmX4pWs8yBd';
const KEY_B = 'b2Qx-tests-only-5nHt8RjV1cDf6gMz';
const client = { clientId: 'client-1', clientSecret: 'secret-of-the-client', redirectUri: 'https://app.test/callback' };
const pkce = { codeVerifier: 'verifier', codeChallenge: 'challenge', resourceUrl: '', url: '' };
const token: AccessToken = { accessToken: 'the-access-token', refreshToken: 'the-refresh-token', resourceUrl: '' };
const bare: AccessToken = { accessToken: 'the-access-token', resourceUrl: '' };
const inSeconds = (seconds: number): number => Date.now() / 1_000 + seconds;

let redis: TestRedis;
let server: Redis;
const opened: OAuthTokenStore[] = [];
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis);
});
afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()));
  server.disconnect();
  await redis.stop();
});

function open(options: OAuthTokenStoreOptions = {}): { store: OAuthTokenStore; keyPrefix: string } {
  const keyPrefix = options.keyPrefix ?? uniquePrefix();
  const secret = options.encryption === undefined ? TEST_SECRET : undefined;
  const store = new OAuthTokenStore({ redis: redis.url, ...(secret && { secret }), ...options, keyPrefix });
  opened.push(store);
  return { store, keyPrefix };
}

const recordsOf = async (keyPrefix: string): Promise<string[]> => (await server.keys(`${keyPrefix}a:*`)).sort();

async function ttlOf(keyPrefix: string): Promise<number> {
  const keys = await recordsOf(keyPrefix);
  expect(keys).toHaveLength(1);
  return (await server.pttl(keys[0]!)) / 1_000;
}

function expectAbout(seconds: number, expected: number): void {
  expect(seconds).toBeLessThanOrEqual(expected);
  expect(seconds).toBeGreaterThan(expected - 20);
}

type Store = OAuthTokenStore;
const calls: [name: string, call: (store: Store) => Promise<unknown>][] = [
  ['saveClientCredentials', (store) => store.saveClientCredentials('https://as.test', client)],
  ['getClientCredentials', (store) => store.getClientCredentials('https://as.test')],
  ['savePKCEValues', (store) => store.savePKCEValues('ann', 'state', pkce)],
  ['getPKCEValues', (store) => store.getPKCEValues('ann', 'state')],
  ['saveAccessToken', (store) => store.saveAccessToken('ann', '', token)],
  ['getAccessToken', (store) => store.getAccessToken('ann', '')],
  ['storeToken', (store) => store.storeToken('key', 'token')],
  ['getToken', (store) => store.getToken('key')],
  ['hasToken', (store) => store.hasToken('key')],
  ['deleteToken', (store) => store.deleteToken('key')],
];

describe('an access token', () => {
  it('S11 with a refresh token outlives its expiry by that, and tells that it has expired', async () => {
    const { store, keyPrefix } = open();
    const expiresAt = inSeconds(-HOUR);
    await store.saveAccessToken('ann', '', { ...token, expiresAt });
    expect(await store.getAccessToken('ann', '')).toStrictEqual({ ...token, expiresAt });
    expectAbout(await ttlOf(keyPrefix), 30 * 24 * HOUR);
  });

  it.each([
    ['refreshTtl where the expiry is nearer', { refreshTtl: '2h' }, inSeconds(HOUR), 2 * HOUR],
    ['its expiry where that is farther', { refreshTtl: '2h' }, inSeconds(5 * HOUR), 5 * HOUR],
    ['refreshTtl without an expiry', { refreshTtl: '48h' }, undefined, 48 * HOUR],
    ['defaultTtl without an expiry where that is farther', { refreshTtl: '1h', defaultTtl: '3h' }, undefined, 3 * HOUR],
    ['ttl, whatever else', { refreshTtl: '48h', ttl: '10m' }, inSeconds(5 * HOUR), 600],
  ])('S11 with a refresh token lives for %s', async (_name, options, expiresAt, seconds) => {
    const { store, keyPrefix } = open(options);
    await store.saveAccessToken('ann', '', expiresAt === undefined ? token : { ...token, expiresAt });
    expectAbout(await ttlOf(keyPrefix), seconds);
  });

  it('without a refresh token, an empty one too, does not', async () => {
    const { store, keyPrefix } = open();
    await store.saveAccessToken('ann', '', { ...token, refreshToken: '', expiresAt: inSeconds(HOUR) });
    expectAbout(await ttlOf(keyPrefix), HOUR);
    await store.saveAccessToken('ann', '', { ...token, refreshToken: '', expiresAt: inSeconds(-1) });
    expect(await store.getAccessToken('ann', '')).toBeNull();
  });

  it('S21 takes seconds, fractions of them and milliseconds for its expiry, and gives back what was saved', async () => {
    for (const [expiresAt, seconds] of [
      [inSeconds(HOUR), HOUR],
      [Math.floor(inSeconds(HOUR)), HOUR],
      [Math.floor(inSeconds(HOUR)) + 0.123456, HOUR],
      [Date.now() + HOUR * 1_000, HOUR],
      [Date.now() + HOUR * 1_000 + 0.75, HOUR],
      [1e11, 1e11 - Date.now() / 1_000],
    ] as const) {
      const { store, keyPrefix } = open();
      await store.saveAccessToken('ann', '', { ...bare, expiresAt });
      expect(await store.getAccessToken('ann', '')).toStrictEqual({ ...bare, expiresAt });
      expectAbout(await ttlOf(keyPrefix), seconds + 1);
    }
  });

  it('S21 refuses what is no time, before anything is sent', async () => {
    const { store } = open();
    for (const expiresAt of [Number.NaN, Infinity, -Infinity, 1e300, '1700000000', new Date(), null]) {
      const { error } = await outcomeOf(store.saveAccessToken('ann', '', { ...bare, expiresAt: expiresAt as number }));
      expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'token.expiresAt' });
    }
  });

  it('that has expired is not given, however long ttl keeps it', async () => {
    const { store, keyPrefix } = open({ ttl: '1h' });
    const expiresAt = Date.now() + 100;
    await store.saveAccessToken('ann', '', { ...bare, expiresAt });
    await until(() => Date.now() > expiresAt, { every: 1 });
    expect(await store.getAccessToken('ann', '')).toBeNull();
    expect(await recordsOf(keyPrefix)).toEqual([]);
  });

  it('that has expired is removed without harm to one that is saved at the same time', async () => {
    const { store, keyPrefix } = open({ ttl: '1h' });
    const { store: other } = open({ ttl: '1h', keyPrefix });
    for (let round = 0; round < 50; round++) {
      const user = `user-${round}`;
      const expiresAt = Date.now() + 5;
      await store.saveAccessToken(user, '', { ...bare, expiresAt });
      await until(() => Date.now() > expiresAt, { every: 1 });
      const fresh = { ...bare, accessToken: `fresh-${round}` };
      await Promise.all([store.getAccessToken(user, ''), other.saveAccessToken(user, '', fresh), store.getAccessToken(user, '')]);
      expect(await store.getAccessToken(user, '')).toEqual(fresh);
    }
  });

  it('is judged by the clock of the server, not by that of this process', async () => {
    const { store } = open();
    const real = Date.now;
    try {
      Date.now = () => real() + 365 * 24 * HOUR * 1_000;
      await store.saveAccessToken('ann', '', { ...bare, expiresAt: real() + HOUR * 1_000 });
      expect(await store.getAccessToken('ann', '')).not.toBeNull();
    } finally {
      Date.now = real;
    }
  });
});

describe('PKCE values', () => {
  it('S12 are given to one of 100 concurrent readers of two stores, and to nobody after it', async () => {
    const { store, keyPrefix } = open();
    const { store: other } = open({ keyPrefix });
    for (let round = 0; round < 10; round++) {
      await store.savePKCEValues('ann', `state-${round}`, pkce);
      const reads = Array.from({ length: 100 }, (_, n) => (n % 2 ? store : other).getPKCEValues('ann', `state-${round}`));
      const answers = (await Promise.all(reads)).filter((values) => values !== null);
      expect(answers).toEqual([pkce]);
      expect(await store.getPKCEValues('ann', `state-${round}`)).toBeNull();
    }
    expect(await server.keys(`${keyPrefix}*`)).toEqual([]);
  });

  it('are those of that user and state alone', async () => {
    const { store } = open();
    await store.savePKCEValues('ann', 'state', pkce);
    expect(await store.getPKCEValues('bob', 'state')).toBeNull();
    expect(await store.getPKCEValues('ann', 'state2')).toBeNull();
    expect(await store.getPKCEValues('ann', 'state')).toEqual(pkce);
  });
});

describe('client credentials', () => {
  it('are kept for a year, and another by being read', async () => {
    const { store, keyPrefix } = open();
    await store.saveClientCredentials('', client);
    expectAbout(await ttlOf(keyPrefix), 365 * 24 * HOUR);
    await server.expire((await recordsOf(keyPrefix))[0]!, 60);
    expect(await store.getClientCredentials('')).toEqual(client);
    expectAbout(await ttlOf(keyPrefix), 365 * 24 * HOUR);
  });
});

describe('stored tokens', () => {
  it('live for ttl or defaultTtl without a date; a date wins over both', async () => {
    for (const [options, seconds] of [
      [{}, 24 * HOUR],
      [{ defaultTtl: '2h' }, 2 * HOUR],
      [{ defaultTtl: '2h', ttl: '3h' }, 3 * HOUR],
    ] as const) {
      const { store, keyPrefix } = open(options);
      await store.storeToken('key', 'token');
      expectAbout(await ttlOf(keyPrefix), seconds);
      await store.storeToken('key', 'token', new Date(Date.now() + 600_000));
      expectAbout(await ttlOf(keyPrefix), 600);
    }
  });

  it('are listed however many, through pages and shards, and none that is gone', { timeout: 60_000 }, async () => {
    const { store, keyPrefix } = open({ commandTimeout: 10_000 });
    const keys = Array.from({ length: 9_000 }, (_, n) => `service:${n}`);
    const at = new Date(Date.now() + HOUR * 1_000);
    // all with one expiry, so that pages end among equals
    for (let n = 0; n < keys.length; n += 500) await Promise.all(keys.slice(n, n + 500).map((key) => store.storeToken(key, 'token', at)));
    expect(await store.listTokens()).toEqual(keys.toSorted());
    const indexes = await server.keys(`${keyPrefix}l:*`);
    expect(indexes).toHaveLength(16);
    for (const index of indexes) expect(await server.zcard(index)).toBeGreaterThan(400);

    await Promise.all(keys.slice(0, 100).map((key) => store.deleteToken(key)));
    const evicted = (await recordsOf(keyPrefix)).slice(0, 100);
    await server.del(...evicted);
    const left = await store.listTokens();
    expect(left).toHaveLength(8_800);
    for (const key of left.slice(0, 20)) expect(await store.getToken(key)).toBe('token');
    const entries = await Promise.all(indexes.map((index) => server.zcard(index)));
    expect(entries.reduce((sum, count) => sum + count, 0)).toBe(8_800);
  });

  it('leave nothing in the lists when they expire, even if nobody ever lists', async () => {
    const { store, keyPrefix } = open();
    const soon = new Date(Date.now() + 300);
    await Promise.all(Array.from({ length: 160 }, (_, n) => store.storeToken(`brief-${n}`, 'token', soon)));
    await Promise.all(Array.from({ length: 160 }, (_, n) => store.storeToken(`long-${n}`, 'token')));
    await until(async () => (await recordsOf(keyPrefix)).length === 160);
    for (let round = 0; round < 2; round++)
      await Promise.all(Array.from({ length: 160 }, (_, n) => store.storeToken(`long-${n}`, `token-${round}`)));
    const indexes = await server.keys(`${keyPrefix}l:*`);
    const members = (await Promise.all(indexes.map((index) => server.zrange(index, '0', '-1')))).flat();
    expect(members.filter((member) => member.includes('brief-'))).toEqual([]);
    expect(members).toHaveLength(160);
  });

  it('are listed by indexes that live as long as the longest of them', async () => {
    const { store, keyPrefix } = open();
    await store.storeToken('key', 'token', new Date(Date.now() + 100 * HOUR * 1_000));
    await store.storeToken('key', 'token', new Date(Date.now() + HOUR * 1_000));
    const [index] = await server.keys(`${keyPrefix}l:*`);
    expectAbout((await server.pttl(index!)) / 1_000, 100 * HOUR);
    await store.storeToken('key', 'token', new Date(Date.now() + 200 * HOUR * 1_000));
    expectAbout((await server.pttl(index!)) / 1_000, 200 * HOUR);
  });

  it('refuse a date that is none', async () => {
    const { store } = open();
    for (const date of [new Date(Number.NaN), 3_600, '2030-01-01', null, {}]) {
      const { error } = await outcomeOf(store.storeToken('key', 'token', date as Date));
      expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'expiresAt' });
    }
  });
});

describe('what comes in', () => {
  it('is checked as one would expect of an id, and nothing is sent if it is wrong', async () => {
    const { store } = open();
    await store.hasToken('warm');
    const { sent } = await commandsDuring(redis, async () => {
      for (const [name, value] of Object.entries(HOSTILE_VALUES)) {
        if (isId(value)) continue;
        const id = value as string;
        const checked: [argument: string, call: () => Promise<unknown>, longer: boolean][] = [
          ['userId', () => store.getAccessToken(id, ''), false],
          ['userId', () => store.getPKCEValues(id, 'state'), false],
          ['userId', () => store.saveAccessToken(id, '', token), false],
          ['state', () => store.getPKCEValues('ann', id), true],
          ['key', () => store.getToken(id), true],
          ['key', () => store.storeToken(id, 'token'), true],
          ['key', () => store.hasToken(id), true],
          ['key', () => store.deleteToken(id), true],
        ];
        for (const [argument, call, longer] of checked) {
          if (longer && name === '257 bytes in 129 characters') continue;
          const { error } = await outcomeOf(call());
          expect(error, `${argument} ${name}`).toBeInstanceOf(InvalidArgumentError);
          expect(error).toMatchObject({ argument });
        }
        if (value === '') continue;
        if (name === '10 kB' || name === '257 bytes in 129 characters') continue;
        for (const call of [
          () => store.getClientCredentials(id),
          () => store.getAccessToken('ann', id),
          () => store.saveClientCredentials('x', { ...client, clientSecret: id }),
          () => store.savePKCEValues('ann', 'state', { ...pkce, codeVerifier: id }),
          () => store.saveAccessToken('ann', '', { ...token, accessToken: id }),
          () => store.storeToken('key', id),
        ])
          expect((await outcomeOf<unknown>(call())).error, name).toBeInstanceOf(InvalidArgumentError);
      }
      for (const value of [undefined, null, 'text', 42, [], () => token]) {
        for (const call of [
          () => store.saveClientCredentials('x', value as never),
          () => store.savePKCEValues('ann', 'state', value as never),
          () => store.saveAccessToken('ann', '', value as never),
        ])
          expect((await outcomeOf<unknown>(call())).error).toBeInstanceOf(InvalidArgumentError);
      }
      for (const call of [
        () => store.getClientCredentials('x'.repeat(8_193)),
        () => store.getAccessToken('ann', 'x'.repeat(8_193)),
        () => store.getPKCEValues('ann', 'x'.repeat(8_193)),
        () => store.storeToken('x'.repeat(1_025), 'token'),
        () => store.storeToken('key', 'x'.repeat(16_385)),
        () => store.saveAccessToken('ann', '', { ...token, refreshToken: 'x'.repeat(16_385) }),
      ])
        expect((await outcomeOf<unknown>(call())).error).toBeInstanceOf(InvalidArgumentError);
    });
    expect(sent).toEqual({});
  });

  it('S1 S2 S3 never collides, is cut or leaves its slot', async () => {
    const { store, keyPrefix } = open();
    const ids = [...new Set(Object.values(HOSTILE_VALUES).filter(isId) as string[]), 'x'.repeat(256)];
    for (const id of ids) {
      await store.saveAccessToken(id, id, { accessToken: `access of ${id}`, resourceUrl: id });
      await store.savePKCEValues(id, id, { ...pkce, codeVerifier: `verifier of ${id}` });
      await store.saveClientCredentials(id, { ...client, clientId: `client of ${id}` });
      await store.storeToken(id, `token of ${id}`);
    }
    for (const id of ids) {
      expect(await store.getAccessToken(id, id)).toEqual({ accessToken: `access of ${id}`, resourceUrl: id });
      expect((await store.getPKCEValues(id, id))?.codeVerifier).toBe(`verifier of ${id}`);
      expect((await store.getClientCredentials(id))?.clientId).toBe(`client of ${id}`);
      expect(await store.getToken(id)).toBe(`token of ${id}`);
    }
    expect(await store.listTokens()).toEqual(ids.toSorted());
    expect(await store.getAccessToken('*', '')).toBeNull();
    for (const key of await server.keys(`${keyPrefix}*`)) {
      expect(key.slice(keyPrefix.length)).toMatch(/^(a:\{[\w-]{6}\}(client|access|token):[\w-]{22}|l:\{[\w-]{6}\})$/);
    }
    for (const id of ids) expect(await store.deleteToken(id), id).toBe(true);
    expect(await server.keys(`${keyPrefix}l:*`)).toEqual([]);
  });

  it('may be as long as urls and foreign tokens are', async () => {
    const { store } = open();
    const url = `https://api.test/${'x'.repeat(8_192 - 17)}`;
    const long = { accessToken: 'a'.repeat(16_384), refreshToken: 'r'.repeat(16_384), resourceUrl: url };
    await store.saveAccessToken('ann', url, long);
    expect(await store.getAccessToken('ann', url)).toStrictEqual(long);
    await store.storeToken('k'.repeat(1_024), 't'.repeat(16_384));
    expect(await store.getToken('k'.repeat(1_024))).toBe('t'.repeat(16_384));
    expect(await store.listTokens()).toEqual(['k'.repeat(1_024)]);
  });
});

describe('encryption at rest', () => {
  const keys = (...given: [id: string, key: string][]) => ({ encryption: { keys: given.map(([id, key]) => ({ id, key })) } });

  it('takes keys in rotation; one that is gone is a DecryptionError that names it', async () => {
    const { store: first, keyPrefix } = open(keys(['a', KEY_A]));
    await first.saveAccessToken('ann', '', token);
    await first.storeToken('key', 'token');
    const { store: rotated } = open({ ...keys(['b', KEY_B], ['a', KEY_A]), keyPrefix });
    expect(await rotated.getAccessToken('ann', '')).toEqual(token);
    expect(await rotated.getToken('key')).toBe('token');
    await rotated.storeToken('key', 'token');
    await expect(first.getToken('key')).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_DECRYPTION', keyId: 'b' });
    const { store: last } = open({ ...keys(['b', KEY_B]), keyPrefix });
    expect(await last.getToken('key')).toBe('token');
    await expect(last.getAccessToken('ann', '')).rejects.toMatchObject({ keyId: 'a' });
    expect(await last.hasToken('key')).toBe(true);
  });

  it('S13 a wrong key is a DecryptionError, never null or {}; what is stored stays', async () => {
    const { store, keyPrefix } = open({ secret: KEY_A });
    for (const [name, call] of calls.filter(([name]) => /^(save|store)/.test(name)))
      await expect(call(store), name).resolves.toBeUndefined();
    const { store: wrong } = open({ secret: KEY_B, keyPrefix });
    for (const read of ['getClientCredentials', 'getAccessToken', 'getToken']) {
      const call = calls.find(([name]) => name === read)![1];
      await expect(call(wrong), read).rejects.toBeInstanceOf(DecryptionError);
      expect(await call(store), read).toBeTruthy();
    }
    await expect(wrong.getPKCEValues('ann', 'state')).rejects.toBeInstanceOf(DecryptionError);
  });

  it('goes over from a secret to keys by giving the secret as a key', async () => {
    const { store, keyPrefix } = open({ secret: KEY_A });
    await store.storeToken('key', 'token');
    const { store: next } = open({ ...keys(['b', KEY_B], ['0', KEY_A]), keyPrefix });
    expect(await next.getToken('key')).toBe('token');
  });

  it('notices what was exchanged, between users, urls, kinds of records, and registrations', async () => {
    const { store, keyPrefix } = open();
    const { store: other, keyPrefix: otherPrefix } = open();
    await store.saveAccessToken('ann', '', bare);
    const [ann] = await recordsOf(keyPrefix);
    await store.saveAccessToken('bob', '', { ...bare, accessToken: 'of-bob' });
    const bob = (await recordsOf(keyPrefix)).find((key) => key !== ann)!;
    const [ofAnn, ofBob] = [(await server.get(ann!))!, (await server.get(bob))!];
    await server.mset(ann!, ofBob, bob, ofAnn);
    for (const user of ['ann', 'bob']) await expect(store.getAccessToken(user, '')).rejects.toBeInstanceOf(DecryptionError);
    await other.saveAccessToken('ann', '', bare);
    const [elsewhere] = await recordsOf(otherPrefix);
    await server.set(elsewhere!, ofAnn);
    await expect(other.getAccessToken('ann', '')).rejects.toBeInstanceOf(DecryptionError);

    await store.storeToken('key', 'token');
    const stored = (await recordsOf(keyPrefix)).find((key) => key.includes('token:'))!;
    await server.set(stored, ofAnn.trim());
    await expect(store.getToken('key')).rejects.toBeInstanceOf(DecryptionError);
    for (const text of ['', '{}', 'null', ' ', 'v1.0.x.y', '99999999999999 v1.0.x.y', ofAnn.slice(0, -1)]) {
      await server.set(ann!, text);
      await expect(store.getAccessToken('ann', ''), text).rejects.toBeInstanceOf(DecryptionError);
    }
  });

  it('S13 takes hooks; one that fails stores nothing', async () => {
    const failing = { current: false };
    const wrap = (text: string): string => Buffer.from(text).reverse().toString('base64');
    const unwrap = (text: string): string => Buffer.from(text, 'base64').reverse().toString();
    const { store, keyPrefix } = open({
      encryption: {
        encrypt: async (text) => {
          if (failing.current) throw new Error('no key service');
          return wrap(text);
        },
        decrypt: (text) => {
          if (failing.current) throw new Error('no key service');
          return unwrap(text);
        },
      },
    });
    await store.storeToken('key', 'first');
    await store.saveAccessToken('ann', '', token);
    failing.current = true;
    const { error } = await outcomeOf(store.storeToken('key', 'second'));
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(error).toMatchObject({ cause: { message: 'no key service' } });
    await expect(store.storeToken('other', 'third')).rejects.toBeInstanceOf(RedisAuthConfigError);
    await expect(store.getAccessToken('ann', '')).rejects.toBeInstanceOf(DecryptionError);
    await expect(store.getToken('key')).rejects.toMatchObject({ cause: { message: 'no key service' } });
    failing.current = false;
    expect(await store.getToken('key')).toBe('first');
    expect(await store.listTokens()).toEqual(['key']);
    const names = await recordsOf(keyPrefix);
    const [one, two] = (await Promise.all(names.map((name) => server.get(name)))) as [string, string];
    await server.mset(names[0]!, two, names[1]!, one);
    await expect(store.getToken('key')).rejects.toBeInstanceOf(DecryptionError);
  });

  it('is within commandTimeout, with hooks that never settle too; what they give later is not sent', async () => {
    let settle: (text: string) => void = () => undefined;
    const { store, keyPrefix } = open({
      commandTimeout: 150,
      encryption: { encrypt: () => new Promise((resolve) => (settle = resolve)), decrypt: () => new Promise(() => undefined) },
    });
    const { error } = await outcomeOf(store.storeToken('key', 'token'));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ ambiguous: false });
    settle('sealed');
    const { store: sound } = open({ keyPrefix });
    await sound.storeToken('other', 'token');
    expect(await sound.listTokens()).toEqual(['other']);
    await expect(store.getToken('other')).rejects.toBeInstanceOf(StoreUnavailableError);
  });
});

describe('options', () => {
  it('without anything to encrypt with are refused, by saying what to give', () => {
    const make = (options: object) => () => new OAuthTokenStore({ redis: redis.url, ...options });
    expect(make({})).toThrow(RedisAuthConfigError);
    expect(make({})).toThrow(/secret: is required to encrypt.*encryption\.keys/);
    for (const none of [undefined, null, redis.url, 42, []])
      expect(() => new OAuthTokenStore(none as never), String(none)).toThrow(RedisAuthConfigError);
    for (const options of [
      { secret: 'short' },
      { secret: TEST_SECRET, ttl: 0 },
      { secret: TEST_SECRET, defaultTtl: '24' },
      { secret: TEST_SECRET, keyPrefix: '{x}' },
      { secret: TEST_SECRET, prefix: 'x' },
      { encryption: { keys: [] } },
      { encryption: { keys: [{ id: 'a', key: 'short' }] } },
      { encryption: { encrypt: (text: string) => text } },
    ]) {
      expect(make(options), JSON.stringify(options)).toThrow(RedisAuthConfigError);
    }
  });

  function ofModule(jwt: Partial<RedisAuthModuleOptions['jwt']>, oauth: RedisAuthModuleOptions['oauth'] = {}) {
    const resolved = resolveOptions(testOptions({ redis: redis.url, jwt, oauth }));
    const connection = new RedisAuthConnection(resolved.redis, { commandTimeoutMs: resolved.commandTimeoutMs });
    const keys = derivedKeys(resolved.jwt, encryptionKeyPurpose(resolved.keyPrefix));
    const store = new OAuthTokenStore({ connection, keyPrefix: resolved.keyPrefix, oauth: resolved.oauth, keys });
    return { store, connection, keyPrefix: resolved.keyPrefix };
  }

  it('of a module that signs need no more, and are those of a store by hand with its secret', async () => {
    const { store, connection, keyPrefix } = ofModule({});
    const { store: byHand } = open({ keyPrefix, secret: TEST_SECRET });
    await store.saveAccessToken('ann', '', token);
    expect(await byHand.getAccessToken('ann', '')).toEqual(token);
    await store.close();
    expect(await connection.ping()).toBe('PONG');
    expect(await store.getAccessToken('ann', '')).toEqual(token);
    await connection.close();
  });

  it('of a module with several keys encrypt by the first and decrypt by all', async () => {
    const [a, b] = [
      { kid: 'a', secret: KEY_A },
      { kid: 'b', secret: KEY_B },
    ];
    const before = ofModule({ keys: [a] });
    await before.store.storeToken('key', 'token');
    const { keys, ...options } = { keys: [b, a], keyPrefix: before.keyPrefix };
    const resolved = resolveOptions(testOptions({ redis: redis.url, jwt: { keys }, ...options }));
    const after = new OAuthTokenStore({
      connection: before.connection,
      keyPrefix: before.keyPrefix,
      oauth: resolved.oauth,
      keys: derivedKeys(resolved.jwt, encryptionKeyPurpose(before.keyPrefix)),
    });
    expect(await after.getToken('key')).toBe('token');
    await after.storeToken('key', 'token');
    const [record] = await recordsOf(before.keyPrefix);
    expect(await server.get(record!)).toMatch(/^v1\.b\./);
    await before.connection.close();
  });

  it('of a module that only verifies are no hindrance until something is to be encrypted', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const publicKey = createPublicKey(privateKey);
    const { store, connection } = ofModule({ publicKey });
    expect(await store.getToken('key')).toBeNull();
    expect(await store.listTokens()).toEqual([]);
    for (const [, call] of calls.filter(([name]) => /^(save|store)/.test(name))) {
      const { error } = await outcomeOf(call(store));
      expect(error).toBeInstanceOf(RedisAuthConfigError);
      expect(error).toMatchObject({ issues: [{ path: 'oauth.encryption' }] });
    }
    await connection.close();
    const own = ofModule({ publicKey }, { encryption: { keys: [{ id: 'a', key: KEY_A }] } });
    await own.store.storeToken('key', 'token');
    expect(await own.store.getToken('key')).toBe('token');
    await own.connection.close();
  });
});

describe('on its own server', () => {
  it.each(calls)('S15 one command for %s', async (name, call) => {
    const { store } = open();
    for (const [, warm] of calls) await warm(store);
    await store.storeToken('key', 'token');
    const { sent } = await commandsDuring(redis, () => call(store));
    const plain: Record<string, string> = {
      saveClientCredentials: 'set',
      getClientCredentials: 'getex',
      savePKCEValues: 'set',
      getPKCEValues: 'getdel',
      getToken: 'get',
      hasToken: 'exists',
    };
    expect(sent).toEqual({ [plain[name] ?? 'evalsha']: 1 });
  });

  it('S15 listing costs a script for each of sixteen shards, and neither it nor anything else KEYS or SCAN', async () => {
    const { store } = open();
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.storeToken(`key-${n}`, 'token')));
    await store.listTokens();
    const { sent, result } = await commandsDuring(redis, () => store.listTokens());
    expect(result).toHaveLength(100);
    expect(sent).toEqual({ evalsha: 16 });
    const before = await commandStats(redis);
    for (const [, call] of calls) await call(store);
    await store.listTokens();
    const used = Object.keys(growth(before, await commandStats(redis)));
    expect(used).toContain('evalsha');
    expect(used.filter((name) => /scan|keys|flush|sort|smembers/.test(name))).toEqual([]);
  });

  it('S17 every key has a TTL', async () => {
    await using own = await startRedis();
    const store = new OAuthTokenStore({ redis: own.url, secret: TEST_SECRET });
    for (const [, call] of calls) await call(store);
    for (const [name, call] of calls) if (/^(save|store)/.test(name)) await call(store);
    await store.getClientCredentials('https://as.test');
    const all = clientOf(own);
    expect((await all.keys('*')).length).toBe(5);
    all.disconnect();
    expect(await withoutTtl(own)).toEqual([]);
    await store.close();
  });

  it('that is full refuses to save and goes on to read and delete', async () => {
    await using own = await startRedis();
    const store = new OAuthTokenStore({ redis: own.url, secret: TEST_SECRET });
    for (const [name, call] of calls) if (/^(save|store)/.test(name)) await call(store);
    const admin = clientOf(own);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1');
    for (const [name, call] of calls) {
      if (!/^(save|store)/.test(name)) continue;
      const { error } = await outcomeOf(call(store));
      expect(error, name).toBeInstanceOf(StoreFullError);
    }
    expect(await store.getClientCredentials('https://as.test')).toEqual(client);
    expect(await store.getPKCEValues('ann', 'state')).toEqual(pkce);
    expect(await store.getAccessToken('ann', '')).toEqual(token);
    expect([await store.getToken('key'), await store.listTokens()]).toEqual(['token', ['key']]);
    expect([await store.deleteToken('key'), await store.listTokens()]).toEqual([true, []]);
    admin.disconnect();
    await store.close();
  });

  it('works through a client that gives numbers as text', async () => {
    const { Redis } = await import('ioredis');
    const own = new Redis(redis.socketPath, { stringNumbers: true });
    const { store } = open({ redis: own });
    for (const [name, call] of calls) if (/^(save|store)/.test(name)) await call(store);
    expect(await store.getAccessToken('ann', '')).toEqual(token);
    expect([await store.hasToken('key'), await store.hasToken('none')]).toEqual([true, false]);
    expect(await store.listTokens()).toEqual(['key']);
    expect([await store.deleteToken('key'), await store.deleteToken('key')]).toEqual([true, false]);
    own.disconnect();
  });
});
