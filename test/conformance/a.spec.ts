import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import {
  type AccessToken,
  type OAuthDb,
  OAuthTokenStore,
  type OAuthTokenStoreOptions,
  RedisAuthModule,
  StoreUnavailableError,
} from 'nestjs-redis-auth';
import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientOf } from '../support/ask.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { outcomeOf } from '../support/session-outcomes.js';
import { TEST_SECRET, testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';

const HOUR = 3_600;
const client = { clientId: 'client-1', clientSecret: 'secret-of-the-client', redirectUri: 'https://app.test/callback' };
const pkce = {
  codeVerifier: 'verifier-of-the-code',
  codeChallenge: 'challenge-of-the-code',
  resourceUrl: 'https://api.test',
  url: 'https://api.test/x',
};
const token: AccessToken = { accessToken: 'the-access-token', refreshToken: 'the-refresh-token', resourceUrl: 'https://api.test' };
const { refreshToken: _, ...bare } = token;
const SECRETS = [client.clientId, client.clientSecret, pkce.codeVerifier, pkce.codeChallenge, token.accessToken, token.refreshToken!];

/** Seconds from now. */
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
  const store = new OAuthTokenStore({ redis: redis.url, secret: TEST_SECRET, ...options, keyPrefix });
  opened.push(store);
  return { store, keyPrefix };
}

/** Seconds that the only record of a prefix has left. */
async function ttlOf(keyPrefix: string): Promise<number> {
  const keys = await server.keys(`${keyPrefix}a:*`);
  expect(keys).toHaveLength(1);
  return (await server.pttl(keys[0]!)) / 1_000;
}

async function ttlAfter(options: OAuthTokenStoreOptions, saved: AccessToken): Promise<number> {
  const { store, keyPrefix } = open(options);
  await store.saveAccessToken('ann', 'https://api.test', saved);
  return ttlOf(keyPrefix);
}

function expectAbout(seconds: number, expected: number): void {
  expect(seconds).toBeLessThanOrEqual(expected);
  expect(seconds).toBeGreaterThan(expected - 20);
}

describe('A OAuth token database', () => {
  it('A1 each save reads back deep-equal; unknown is null', async () => {
    const { store } = open();
    expect(await store.getClientCredentials('https://as.test')).toBeNull();
    expect(await store.getPKCEValues('ann', 'state')).toBeNull();
    expect(await store.getAccessToken('ann', 'https://api.test')).toBeNull();
    expect(await store.getToken('github:ann')).toBeNull();

    const saved = { ...token, expiresAt: Math.floor(inSeconds(HOUR)) };
    await store.saveClientCredentials('https://as.test', client);
    await store.savePKCEValues('ann', 'state', pkce);
    await store.saveAccessToken('ann', 'https://api.test', saved);
    await store.storeToken('github:ann', 'gho_token');
    expect(await store.getClientCredentials('https://as.test')).toStrictEqual(client);
    expect(await store.getPKCEValues('ann', 'state')).toStrictEqual(pkce);
    expect(await store.getAccessToken('ann', 'https://api.test')).toStrictEqual(saved);
    expect(await store.getToken('github:ann')).toBe('gho_token');
  });

  it('A2 PKCE values live 600 seconds', async () => {
    const { store, keyPrefix } = open();
    await store.savePKCEValues('ann', 'state', pkce);
    expectAbout(await ttlOf(keyPrefix), 600);
  });

  it('A3 A4 the expiry of a token is that of its record, and beats the default', async () => {
    expectAbout(await ttlAfter({}, { ...bare, expiresAt: inSeconds(HOUR) }), HOUR);
    expectAbout(await ttlAfter({ defaultTtl: 60 }, { ...bare, expiresAt: inSeconds(HOUR) }), HOUR);
    expectAbout(await ttlAfter({ defaultTtl: '2 days' }, { ...bare, expiresAt: inSeconds(HOUR) }), HOUR);
  });

  it('A5 without an expiry it lives for the default, 24 hours unless set', async () => {
    expectAbout(await ttlAfter({}, bare), 24 * HOUR);
    expectAbout(await ttlAfter({ defaultTtl: '2h' }, bare), 2 * HOUR);
  });

  it('A6 a configured ttl overrides the expiry, a farther and a nearer one', async () => {
    expectAbout(await ttlAfter({ ttl: 1_800 }, { ...bare, expiresAt: inSeconds(24 * HOUR) }), 1_800);
    expectAbout(await ttlAfter({ ttl: 1_800 }, { ...bare, expiresAt: inSeconds(300) }), 1_800);
    expectAbout(await ttlAfter({ ttl: 1_800 }, bare), 1_800);
    expectAbout(await ttlAfter({ ttl: 1_800 }, token), 1_800);
  });

  it('A7 saving again begins a new life', async () => {
    const { store, keyPrefix } = open();
    await store.saveAccessToken('ann', '', { ...bare, expiresAt: inSeconds(60) });
    await store.saveAccessToken('ann', '', { ...bare, accessToken: 'next', expiresAt: inSeconds(HOUR) });
    expectAbout(await ttlOf(keyPrefix), HOUR);
    expect((await store.getAccessToken('ann', ''))?.accessToken).toBe('next');
  });

  it.each([{}, { ttl: '1h' }])('A8 of an expired token nothing is kept (%j)', async (options) => {
    const { store, keyPrefix } = open(options);
    for (const expiresAt of [inSeconds(-1), inSeconds(-60 * HOUR), Date.now() - 1, 1, 0, -5]) {
      await store.saveAccessToken('ann', 'https://api.test', { ...bare, expiresAt: inSeconds(HOUR) });
      await store.saveAccessToken('ann', 'https://api.test', { ...bare, expiresAt });
      expect(await store.getAccessToken('ann', 'https://api.test')).toBeNull();
      expect(await server.keys(`${keyPrefix}*`)).toEqual([]);
    }
  });

  it('A8 a token that expires while its record lives on is null, and then there is no key', async () => {
    const { store, keyPrefix } = open({ ttl: '1h' });
    await store.saveAccessToken('ann', 'https://api.test', { ...bare, expiresAt: inSeconds(2) });
    expect(await server.keys(`${keyPrefix}*`)).toHaveLength(1);
    await until(async () => (await store.getAccessToken('ann', 'https://api.test')) === null);
    expect(await server.keys(`${keyPrefix}*`)).toEqual([]);
  });

  it('A9 what was absent reads back as absent', async () => {
    const { store } = open();
    for (const saved of [bare, { ...bare, refreshToken: undefined, expiresAt: undefined } as unknown as AccessToken]) {
      await store.saveAccessToken('ann', '', saved);
      const read = (await store.getAccessToken('ann', ''))!;
      expect(read).toStrictEqual({ accessToken: token.accessToken, resourceUrl: token.resourceUrl });
      expect([read.refreshToken, read.expiresAt]).toEqual([undefined, undefined]);
    }
  });

  const mirrored = (text: string): string => Buffer.from(text).reverse().toString('base64');
  const unmirrored = (text: string): string => Buffer.from(text, 'base64').reverse().toString();
  const encryptions: Record<string, OAuthTokenStoreOptions> = {
    'of a secret': {},
    'of keys': { encryption: { keys: [{ id: 'a', key: TEST_SECRET.toUpperCase() }] } },
    'sync hooks': { encryption: { encrypt: mirrored, decrypt: unmirrored } },
    'async hooks': { encryption: { encrypt: async (text) => mirrored(text), decrypt: async (text) => unmirrored(text) } },
  };
  it.each(Object.keys(encryptions))('A10 what is stored holds no secret in plain text (%s)', async (name) => {
    const { store, keyPrefix } = open(encryptions[name]);
    await store.saveClientCredentials('https://as.test', client);
    await store.savePKCEValues('ann', 'state', pkce);
    await store.saveAccessToken('ann', 'https://api.test', token);
    await store.storeToken('github:ann', 'the-stored-token');
    const records = await server.keys(`${keyPrefix}a:*`);
    expect(records).toHaveLength(4);
    const raw = (await Promise.all(records.map((key) => server.get(key)))).join('\n') + records.join('\n');
    for (const secret of [...SECRETS, 'the-stored-token']) {
      expect(raw).not.toContain(secret);
      expect(raw).not.toContain(Buffer.from(secret).toString('base64url'));
    }
    expect(await store.getClientCredentials('https://as.test')).toEqual(client);
    expect(await store.getPKCEValues('ann', 'state')).toEqual(pkce);
    expect(await store.getAccessToken('ann', 'https://api.test')).toEqual(token);
    expect(await store.getToken('github:ann')).toBe('the-stored-token');
  });

  it('A11 two prefixes do not see each other, two stores with one prefix do', async () => {
    const { store: one, keyPrefix } = open();
    const { store: same } = open({ keyPrefix });
    const { store: other } = open();
    await one.saveClientCredentials('https://as.test', client);
    await one.savePKCEValues('ann', 'state', pkce);
    await one.saveAccessToken('ann', 'https://api.test', token);
    await one.storeToken('github:ann', 'gho_token');
    expect(await other.getClientCredentials('https://as.test')).toBeNull();
    expect(await other.getPKCEValues('ann', 'state')).toBeNull();
    expect(await other.getAccessToken('ann', 'https://api.test')).toBeNull();
    expect([await other.getToken('github:ann'), await other.hasToken('github:ann')]).toEqual([null, false]);
    expect(await other.listTokens()).toEqual([]);
    expect(await same.getClientCredentials('https://as.test')).toEqual(client);
    expect(await same.getPKCEValues('ann', 'state')).toEqual(pkce);
    expect(await same.getAccessToken('ann', 'https://api.test')).toEqual(token);
    expect(await same.getToken('github:ann')).toBe('gho_token');
    expect(await same.listTokens()).toEqual(['github:ann']);
  });

  it('A12 an error of Redis rejects with a typed error, never with null', async () => {
    const { store, keyPrefix } = open();
    await store.saveAccessToken('ann', '', token);
    const [key] = await server.keys(`${keyPrefix}a:*`);
    await server.del(key!);
    await server.lpush(key!, 'not a string');
    await expect(store.getAccessToken('ann', '')).rejects.toMatchObject({
      code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE',
      operation: 'oauth.getAccessToken',
    });
    await server.del(key!);

    const nowhere = new OAuthTokenStore({ redis: '/nowhere/redis.sock', secret: TEST_SECRET, commandTimeout: 200 });
    const calls: [name: string, call: Promise<unknown>][] = [
      ['getClientCredentials', nowhere.getClientCredentials('x')],
      ['saveClientCredentials', nowhere.saveClientCredentials('x', client)],
      ['getPKCEValues', nowhere.getPKCEValues('ann', 's')],
      ['savePKCEValues', nowhere.savePKCEValues('ann', 's', pkce)],
      ['getAccessToken', nowhere.getAccessToken('ann', 'x')],
      ['saveAccessToken', nowhere.saveAccessToken('ann', 'x', token)],
      ['storeToken', nowhere.storeToken('k', 't')],
      ['getToken', nowhere.getToken('k')],
      ['deleteToken', nowhere.deleteToken('k')],
      ['hasToken', nowhere.hasToken('k')],
      ['listTokens', nowhere.listTokens()],
    ];
    // they fail in any order, and each has to be heard
    const outcomes = await Promise.all(calls.map(async ([name, call]) => ({ name, ...(await outcomeOf(call)) })));
    for (const { name, error } of outcomes) {
      expect(error, name).toBeInstanceOf(StoreUnavailableError);
      expect(error).toMatchObject({ operation: `oauth.${name}`, ambiguous: false });
    }
    await nowhere.close();
  });

  it('A13 close resolves twice; a client of the caller stays open, what the store opened does not', async () => {
    const own = new Redis(redis.socketPath);
    for (const given of [own, { client: own }]) {
      const store = new OAuthTokenStore({ redis: given, keyPrefix: uniquePrefix(), secret: TEST_SECRET });
      await store.storeToken('key', 'token');
      await Promise.all([store.close(), store.close()]);
      await store.close();
      expect(own.status).toBe('ready');
      expect(await own.ping()).toBe('PONG');
    }
    own.disconnect();

    const store = new OAuthTokenStore({ redis: redis.url, keyPrefix: uniquePrefix(), secret: TEST_SECRET });
    const connections = async (): Promise<number> =>
      String(await server.client('LIST'))
        .trim()
        .split('\n').length;
    await store.getToken('key');
    const before = await connections();
    await store.close();
    await store.close();
    await until(async () => (await connections()) === before - 1);
    await expect(store.getToken('key')).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('A14 storeToken with a Date sets the life; deleteToken and hasToken tell; listTokens is by prefix and pruned', async () => {
    const { store, keyPrefix } = open();
    await store.storeToken('dated', 'one', new Date(Date.now() + HOUR * 1_000));
    expectAbout(await ttlOf(keyPrefix), HOUR);
    await store.storeToken('undated', 'two');
    await store.storeToken('brief', 'three', new Date(Date.now() + 400));
    await store.storeToken('past', 'four', new Date(Date.now() - 1));
    await store.storeToken('past', 'four', new Date(0));
    expect((await store.listTokens()).filter((key) => key !== 'brief')).toEqual(['dated', 'undated']);
    await until(async () => !(await store.hasToken('brief')));
    expect(await store.listTokens()).toEqual(['dated', 'undated']);
    expect([await store.hasToken('dated'), await store.hasToken('past'), await store.hasToken('unknown')]).toEqual([true, false, false]);
    expect([await store.deleteToken('dated'), await store.deleteToken('dated'), await store.deleteToken('brief')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([await store.getToken('dated'), await store.getToken('undated')]).toEqual([null, 'two']);
    expect(await store.listTokens()).toEqual(['undated']);
  });

  it('A14 the url beats host and port', async () => {
    const { store } = open({ redis: { url: redis.url, host: 'nowhere.invalid', port: 1 } });
    await store.storeToken('key', 'token');
    expect(await store.getToken('key')).toBe('token');
  });

  it('A15 user ids hold colons and a url may be empty; no two share a record', async () => {
    const { store } = open();
    const places = [
      ['alice', 'bob:secret'],
      ['alice:bob', 'secret'],
      ['alice:bob:secret', ''],
      ['solana:7xKX', ''],
      ['solana', '7xKX'],
    ] as const;
    for (const [userId, url] of places) await store.saveAccessToken(userId, url, { accessToken: `of ${userId} ${url}`, resourceUrl: '' });
    for (const [userId, state] of places.filter(([, state]) => state !== ''))
      await store.savePKCEValues(userId, state, { ...pkce, codeVerifier: `of ${userId} ${state}` });
    for (const [userId, url] of places)
      expect(await store.getAccessToken(userId, url)).toEqual({ accessToken: `of ${userId} ${url}`, resourceUrl: '' });
    for (const [userId, state] of places.filter(([, state]) => state !== ''))
      expect((await store.getPKCEValues(userId, state))?.codeVerifier).toBe(`of ${userId} ${state}`);
  });

  it('A16 credentials can be saved again', async () => {
    const { store } = open();
    await store.saveClientCredentials('https://as.test', client);
    const again = { ...client, clientId: 'client-2', clientSecret: '' };
    await store.saveClientCredentials('https://as.test', again);
    expect(await store.getClientCredentials('https://as.test')).toStrictEqual(again);
  });
});

/** What a client does with its database: remember itself, begin a sign-in, complete it, and refresh when the token has expired. */
async function signInAndRefresh(db: OAuthDb): Promise<(string | undefined)[]> {
  await db.saveClientCredentials('https://as.test', client);
  await db.savePKCEValues('solana:7xKX', 'state', pkce);
  const { codeVerifier, resourceUrl } = (await db.getPKCEValues('solana:7xKX', 'state'))!;
  expect(await db.getPKCEValues('solana:7xKX', 'state')).toBeNull();
  await db.saveAccessToken('solana:7xKX', '', { ...token, expiresAt: inSeconds(-1), resourceUrl });
  const expired = (await db.getAccessToken('solana:7xKX', ''))!;
  expect(expired.expiresAt).toBeLessThan(Date.now() / 1_000);
  await db.saveAccessToken('solana:7xKX', '', { ...token, accessToken: `after ${expired.refreshToken}`, expiresAt: inSeconds(HOUR) });
  return [
    (await db.getClientCredentials('https://as.test'))?.clientId,
    codeVerifier,
    (await db.getAccessToken('solana:7xKX', ''))?.accessToken,
  ];
}

describe('A OAuth token database, as an OAuthDb', () => {
  const outcome = [client.clientId, pkce.codeVerifier, `after ${token.refreshToken}`];

  it('A1 S11 S12 made by hand serves a client', async () => {
    expect(await signInAndRefresh(open().store)).toEqual(outcome);
  });

  it('A1 A11 A13 S19 provided by the module serves a client, too, and lives as long as the module', async () => {
    const keyPrefix = uniquePrefix();
    const options = testOptions({ redis: redis.url, keyPrefix, oauth: { ttl: '1h' } });
    const module = await Test.createTestingModule({ imports: [RedisAuthModule.forRoot(options)] }).compile();
    const store = module.get(OAuthTokenStore);
    expect(await signInAndRefresh(store)).toEqual(outcome);
    await store.close();
    await store.close();
    expect(await store.getClientCredentials('https://as.test')).toEqual(client);
    // another process, with the same secret and no Nest
    expect(await open({ keyPrefix }).store.getClientCredentials('https://as.test')).toEqual(client);
    await module.close();
    await expect(store.getClientCredentials('https://as.test')).rejects.toBeInstanceOf(StoreUnavailableError);
  });
});
