import { Redis } from 'ioredis';
import { RedisTokens } from 'redis-tokens';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  fromAtxp,
  fromExpressSession,
  fromRedisJwt,
  fromRedisTokens,
  type ImportRecord,
  TokenMigration,
} from '../../../lib/migration/index.js';
import { OAuthTokenStore } from '../../../lib/oauth/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { CommandMonitor } from '../../support/monitor.js';
import { commandStats } from '../../support/commands.js';
import { TEST_SECRET } from '../../support/sessions.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

let redis: TestRedis;
let target: TestRedis;
let source: Redis;
let store: TokenStore;
let migration: TokenMigration;
let oauth: OAuthTokenStore;
beforeAll(async () => {
  [redis, target] = await Promise.all([startRedis(), startRedis()]);
  source = new Redis(redis.url);
  const options = { redis: target.url, secret: TEST_SECRET };
  store = new TokenStore(options);
  migration = new TokenMigration(options);
  oauth = new OAuthTokenStore(options);
});
afterAll(async () => {
  source.disconnect();
  await Promise.all([store.close(), migration.close(), oauth.close()]);
  await Promise.all([redis.stop(), target.stop()]);
});
beforeEach(() => Promise.all([source.flushall(), ask(target, (client) => client.flushall())]));

describe('fromRedisTokens', () => {
  it('finds what the original stored, by the same token, with owner, data and life', async () => {
    const original = new RedisTokens(redis.url);
    const inits = [
      { app: 'shop', type: 'login', owner: 'ann', data: { list: [], n: 1 }, duration: 600 },
      { app: 'shop', type: 'login', owner: 'ben' },
      { app: 'shop', type: 'invite', owner: 'ann', customToken: 'by-hand', duration: 30 },
      { app: 'a:b', type: 'c|d', owner: '{x}*', data: { é: '|' }, duration: 600 },
    ];
    const before = Date.now();
    const tokens = await Promise.all(inits.map((init) => original.create(init)));
    const after = Date.now();
    original.client.disconnect();
    expect(await migration.importTokens(fromRedisTokens(source))).toEqual({ read: 4, imported: 4, present: 0, skipped: {} });
    for (const [n, { app, type, owner, data = {}, duration }] of inits.entries()) {
      const found = await store.get({ app, type, token: tokens[n]!.token });
      expect(found).toMatchObject({ owner, data, app, type });
      if (duration === undefined) expect(found!.expiresAt).toBeNull();
      else {
        const created = found!.expiresAt!.getTime() - duration * 1000;
        expect(created).toBeGreaterThan(before - 1_000);
        expect(created).toBeLessThan(after + 1_000);
      }
    }
    expect(await migration.importTokens(fromRedisTokens(source))).toMatchObject({ imported: 0, present: 4 });
  });

  it('leaves out what can be read in several ways, is no data, would never be found, or belongs to another already', async () => {
    const generated = (await store.create({ type: 't', owner: 'o' })).token;
    await store.delete({ type: 't', token: generated });
    const keys: Record<string, string> = {
      'app:a|type:b|owner:c|owner:d|token:e': '{}',
      'app:a|type:b|type:c|owner:d|token:e': '{}',
      'app:a|type:b|owner:c|token:d|token:e': '{}',
      'app:a|type:b|owner:c|token:not json': '{',
      'app:a|type:b|owner:c|token:no object': '[]',
      [`app:a|type:b|owner:c|token:${generated}`]: '{}',
      'app:|type:b|owner:c|token:no app': '{}',
      [`app:a|type:b|owner:${'x'.repeat(300)}|token:long owner`]: '{}',
      'app:a|type:b|owner:first|token:shared': '{}',
      'app:a|type:b|owner:second|token:shared': '{}',
    };
    for (const [key, value] of Object.entries(keys)) await source.set(key, value);
    await source.hset('app:a|type:b|owner:c|token:a hash', 'x', 1);
    const { imported, skipped } = await migration.importTokens(fromRedisTokens(source));
    expect(imported).toBe(1);
    expect(skipped).toEqual({
      'ambiguous-key': 3,
      unreadable: 2,
      'generated-form': 1,
      malformed: 2,
      'token-taken': 1,
      'not-a-string': 1,
    });
    const { owner } = (await store.get({ app: 'a', type: 'b', token: 'shared' }))!;
    expect(await store.count({ app: 'a', type: 'b', owner })).toBe(1);
    expect(await store.count({ app: 'a', type: 'b', owner: owner === 'first' ? 'second' : 'first' })).toBe(0);
  });

  it('S16 shows no token to the Redis that it goes to', async () => {
    await source.set('app:a|type:b|owner:c|token:very-secret-token', '{}');
    await using monitor = await CommandMonitor.start(target);
    await migration.importTokens(fromRedisTokens(source));
    const commands = await monitor.commands();
    expect(commands.length).toBeGreaterThan(1);
    expect(JSON.stringify(commands)).not.toContain('very-secret-token');
  });
});

describe('fromRedisJwt', () => {
  it('makes a token of each session, to be taken once by the rjwt of the old JWT', async () => {
    const sessions = { 'ann:abcDEF12345': { ip: '::1' }, 'urn:user:7:ABCdef12345': undefined };
    for (const [rjwt, dataSession] of Object.entries(sessions)) {
      await source.set(rjwt, JSON.stringify({ rjwt, dataSession }), 'EX', 600);
    }
    // Its keys had no prefix: these only end alike.
    await source.set('cache:abcDEF12345', '{"rjwt":"another"}');
    await source.set('cache:abcDEF12346', 'text');
    await source.hset('cache:abcDEF12347', 'a', 1);
    expect(await migration.importTokens(fromRedisJwt(source))).toEqual({ read: 2, imported: 2, present: 0, skipped: {} });
    const taken = await store.consume({ type: 'redis-jwt', token: 'urn:user:7:ABCdef12345' });
    expect(taken).toMatchObject({ owner: 'urn:user:7', data: {} });
    expect(await store.consume({ type: 'redis-jwt', token: 'ann:abcDEF12345' })).toMatchObject({ owner: 'ann', data: { ip: '::1' } });
    expect(await store.consume({ type: 'redis-jwt', token: 'ann:abcDEF12345' })).toBeNull();
  });
});

describe('fromExpressSession', () => {
  const cookie = { originalMaxAge: 600_000, expires: '2030-01-01T00:00:00.000Z', httpOnly: true, path: '/' };

  it('makes a token of each session that has an owner, whatever is in the prefix', async () => {
    await source.set('se*s:[1]:sid-1', JSON.stringify({ cookie, passport: { user: 'ann' } }), 'PX', 60_000);
    await source.set('se*s:[1]:sid-2', JSON.stringify({ cookie, passport: { user: 7 } }), 'PX', 60_000);
    await source.set('se*s:[1]:sid-3', JSON.stringify({ cookie }), 'PX', 60_000);
    await source.set('se*s:[1]:sid-4', JSON.stringify({ cookie, passport: { user: { id: 1 } } }), 'PX', 60_000);
    await source.set('se*s:[1]:sid-5', 'j:{}', 'PX', 60_000);
    await source.set('seeds:1:sid-6', JSON.stringify({ cookie, passport: { user: 'eve' } }), 'PX', 60_000);
    const read = fromExpressSession(source, { prefix: 'se*s:[1]:' });
    expect(await migration.importTokens(read)).toMatchObject({ imported: 2, skipped: { 'no-owner': 2, unreadable: 1 } });
    const session = await store.get({ type: 'express-session', token: 'sid-1' });
    expect(session).toMatchObject({ owner: 'ann', data: { cookie, passport: { user: 'ann' } } });
    expect(await store.get({ type: 'express-session', token: 'sid-2' })).toMatchObject({ owner: '7' });
  });

  it('asks a function whose a session is, and takes no path out of a prototype', async () => {
    await source.set('sess:sid', JSON.stringify({ cookie, user: 'ann@example.org' }), 'EX', 60);
    const byFunction = fromExpressSession(source, { owner: ({ user }) => String(user).split('@')[0] });
    expect(await all(byFunction)).toMatchObject([{ owner: 'ann' }]);
    for (const owner of ['constructor.name', '__proto__.constructor.name', 'user.length']) {
      expect(await all(fromExpressSession(source, { owner }))).toEqual([{ kind: 'skipped', reason: 'no-owner' }]);
    }
  });
});

describe('fromAtxp', () => {
  const access = (resource_url: string, over: object = {}): string =>
    JSON.stringify({
      resource_url,
      encrypted_access_token: 'access',
      encrypted_refresh_token: 'refresh',
      expires_at: '1999999999',
      ...over,
    });

  it('takes over credentials, PKCE values and access tokens', async () => {
    const credentials = { encrypted_client_id: 'id', encrypted_client_secret: 'secret', redirect_uri: 'https://app.example/cb' };
    const pkce = {
      encrypted_code_verifier: 'v',
      encrypted_code_challenge: 'c',
      resource_url: 'https://r.example',
      url: 'https://r.example/mcp',
    };
    await source.set('oauth:client_credentials:https://as.example:8443/', JSON.stringify(credentials));
    await source.set('oauth:pkce:base:0xabc:state-1', JSON.stringify(pkce), 'EX', 300);
    await source.set('oauth:access_token:base:0xabc:https://r.example/mcp', access('https://r.example'), 'EX', 600);
    await source.set('oauth:access_token:base:0xabc:', access('', { expires_at: null, encrypted_refresh_token: null }), 'EX', 600);
    expect(await migration.importTokens(fromAtxp(source), { oauth })).toEqual({ read: 4, imported: 4, present: 0, skipped: {} });
    const { encrypted_client_id: clientId, encrypted_client_secret: clientSecret, redirect_uri: redirectUri } = credentials;
    expect(await oauth.getClientCredentials('https://as.example:8443/')).toEqual({ clientId, clientSecret, redirectUri });
    expect(await oauth.getPKCEValues('base:0xabc', 'state-1')).toEqual({
      codeVerifier: 'v',
      codeChallenge: 'c',
      resourceUrl: 'https://r.example',
      url: 'https://r.example/mcp',
    });
    expect(await oauth.getAccessToken('base:0xabc', 'https://r.example/mcp')).toEqual({
      accessToken: 'access',
      refreshToken: 'refresh',
      expiresAt: 1_999_999_999,
      resourceUrl: 'https://r.example',
    });
    const plain = await oauth.getAccessToken('base:0xabc', '');
    expect(plain).toMatchObject({ accessToken: 'access', resourceUrl: '' });
  });

  it('leaves what was saved here since as it is', async () => {
    await source.set('oauth:access_token:ann:https://r.example', access('https://r.example'), 'EX', 600);
    await oauth.saveAccessToken('ann', 'https://r.example', { accessToken: 'newer', resourceUrl: 'https://r.example' });
    expect(await migration.importTokens(fromAtxp(source), { oauth })).toMatchObject({ imported: 0, present: 1 });
    expect(await oauth.getAccessToken('ann', 'https://r.example')).toMatchObject({ accessToken: 'newer' });
  });

  it.each<[string, string, [userId: string, url: string] | undefined]>([
    ['ann:https://r.example/a', 'https://r.example/a', ['ann', 'https://r.example/a']],
    ['ann:https://r.example', 'https://r.example/a', ['ann', 'https://r.example']],
    ['eip155:1:0xab:https://r.example:8443/a:b', 'https://other.example', ['eip155:1:0xab', 'https://r.example:8443/a:b']],
    ['https://id.example/ann:https://r.example', 'https://r.example', ['https://id.example/ann', 'https://r.example']],
    ['base:0xab:', '', ['base:0xab', '']],
    ['ann:resource', '', ['ann', 'resource']],
    ['ann:a://x:b://y', 'b://y', ['ann:a://x', 'b://y']],
    ['ann:a://x:b://y', 'c://z', undefined],
    ['base:0xab:resource', '', undefined],
  ])('reads the key %j beside the resource %j as %j', async (id, resourceUrl, whose) => {
    await source.set(`oauth:access_token:${id}`, access(resourceUrl), 'EX', 600);
    const expected = whose === undefined ? { kind: 'skipped', reason: 'ambiguous-key' } : { userId: whose[0], url: whose[1] };
    expect(await all(fromAtxp(source))).toMatchObject([expected]);
  });

  it('decrypts with the hook that encrypted, and leaves out what it cannot', async () => {
    const sealed = (text: string): string => Buffer.from(text).toString('base64');
    const decrypt = async (text: string): Promise<string> => {
      if (sealed(Buffer.from(text, 'base64').toString()) !== text) throw new Error('not mine');
      return Buffer.from(text, 'base64').toString();
    };
    const tokens = { encrypted_access_token: sealed('access'), encrypted_refresh_token: null };
    await source.set('p?:access_token:ann:https://r.example', access('https://r.example', tokens), 'EX', 600);
    await source.set('p?:access_token:ben:https://r.example', access('https://r.example', { encrypted_access_token: '!' }), 'EX', 600);
    await source.set('p?:access_token:cleo:https://r.example', '{}', 'EX', 600);
    await source.set('p?:something', '{}', 'EX', 600);
    await source.set('p?:other:else', '{}', 'EX', 600);
    const found = await all(fromAtxp(source, { prefix: 'p?:', decrypt }));
    expect(found).toHaveLength(4);
    expect(found).toContainEqual(expect.objectContaining({ userId: 'ann', accessToken: 'access' }));
    const reasons = found.flatMap((record: ImportRecord) => (record.kind === 'skipped' ? [record.reason] : []));
    expect(reasons.sort()).toEqual(['not-decrypted', 'unknown-key', 'unreadable']);
  });

  it('is left out where there is no OAuthTokenStore', async () => {
    await source.set('oauth:access_token:ann:https://r.example', access('https://r.example'), 'EX', 600);
    expect(await migration.importTokens(fromAtxp(source))).toMatchObject({ imported: 0, skipped: { 'no-oauth-store': 1 } });
  });
});

describe('every reader', () => {
  it('S15 asks no KEYS, in steps of a bounded size, and writes nothing', async () => {
    await source.config('RESETSTAT');
    for (let n = 0; n < 1_200; n++) await source.set(`app:a|type:b|owner:c|token:${n}`, '{}');
    await using monitor = await CommandMonitor.start(redis);
    expect(await all(fromRedisTokens(source))).toHaveLength(1_200);
    const scans = (await monitor.commands()).filter(({ args }) => args[0] === 'scan');
    expect(scans.length).toBeGreaterThan(2);
    for (const { args } of scans) expect(args.slice(-2)).toEqual(['COUNT', '500']);
    const stats = await commandStats(redis);
    expect(stats['keys']).toBeUndefined();
    expect(stats['set']).toBe(1_200);
  });

  it('tells where it is and ends with its signal', async () => {
    for (let n = 0; n < 1_200; n++) await source.set(`app:a|type:b|owner:c|token:${n}`, '{}');
    const shares: number[] = [];
    await all(fromRedisTokens(source, { onPosition: (share) => shares.push(share) }));
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.length).toBeGreaterThan(2);
    expect(shares.at(-1)).toBe(1);
    const controller = new AbortController();
    const onPosition = (): void => controller.abort(new Error('enough'));
    await expect(all(fromRedisTokens(source, { signal: controller.signal, onPosition }))).rejects.toThrow('enough');
  });

  it('rejects with a typed error that names no key, and refuses a client with a prefix of its own', async () => {
    await source.set('app:a|type:b|owner:c|token:very-secret', '{}');
    const forbidden = new Redis(redis.url, { username: 'reader', password: 'reader' });
    await source.call('ACL', 'SETUSER', 'reader', 'on', '>reader', '~*', '+@all', '-get');
    const error = await all(fromRedisTokens(forbidden)).catch((reason: unknown) => reason as Error);
    forbidden.disconnect();
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    expect(JSON.stringify([error, (error as Error).cause, (error as Error).stack])).not.toContain('very-secret');
    const prefixed = new Redis(redis.url, { keyPrefix: 'x:', lazyConnect: true });
    await expect(all(fromRedisTokens(prefixed))).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT' });
  });
});
