import { inspect } from 'node:util';
import { createSecretKey, KeyObject, randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { TokenStore, type TokenStoreOptions } from '../../../lib/tokens/index.js';
import { configError, MINIMAL, OTHER_SECRET, pathsOf, SECRET } from './options-fixture.js';

const withTokens = (tokens: unknown) => ({ ...MINIMAL, tokens });
const withOAuth = (oauth: unknown) => ({ ...MINIMAL, oauth });
const withEncryption = (encryption: unknown) => withOAuth({ encryption });
const withKeys = (...keys: unknown[]) => withEncryption({ keys });

describe('tokens', () => {
  it('takes a life and a size', () => {
    expect(resolveOptions(withTokens({ defaultTtl: '15m', maxDataBytes: 1_048_576 }) as never).tokens).toEqual({
      defaultTtlMs: 900_000,
      maxDataBytes: 1_048_576,
    });
    expect(resolveOptions(withTokens({ defaultTtl: 1, maxDataBytes: 2 }) as never).tokens).toEqual({
      defaultTtlMs: 1_000,
      maxDataBytes: 2,
    });
  });

  it.each([
    [5, 'tokens', /object/],
    [[], 'tokens', /object/],
    [{ defaultTTL: '1h' }, 'tokens.defaultTTL', /did you mean "defaultTtl"/],
    [{ ttl: '1h' }, 'tokens.ttl', /is not an option/],
    // a token that never ends has to be asked for, one by one
    [{ defaultTtl: 'never' }, 'tokens.defaultTtl', /seconds/],
    [{ defaultTtl: '60' }, 'tokens.defaultTtl', /unit/],
    [{ defaultTtl: 0 }, 'tokens.defaultTtl', /longer than zero/],
    [{ defaultTtl: -1 }, 'tokens.defaultTtl', /seconds/],
    [{ defaultTtl: '101 years' }, 'tokens.defaultTtl', /100 years/],
    [{ maxDataBytes: 1 }, 'tokens.maxDataBytes', /integer from 2/],
    [{ maxDataBytes: 1_048_577 }, 'tokens.maxDataBytes', /integer/],
    [{ maxDataBytes: '16kB' }, 'tokens.maxDataBytes', /integer/],
    [{ maxDataBytes: 2.5 }, 'tokens.maxDataBytes', /integer/],
  ])('refuses %j at %s', (tokens, path, message) => {
    expect(configError(withTokens(tokens)).issues).toEqual([{ path, message: expect.stringMatching(message) as string }]);
  });
});

describe('cache, locks and rateLimit', () => {
  it('take what they are given', () => {
    const given = {
      cache: { lockOnUnavailable: 'throw', localMaxBytes: 0, localMaxStaleness: '500 ms', compressAbove: 1024 },
      locks: { wait: 0, minReplicas: 1 },
      rateLimit: { instances: 4, ipv6Prefix: 56, allow: ['10.0.0.0/8', '::1', '2001:db8::/32', '203.0.113.7'] },
    };
    expect(resolveOptions({ ...MINIMAL, ...given } as never)).toMatchObject({
      cache: { lockOnUnavailable: 'throw', localMaxBytes: 0, localMaxStalenessMs: 500, compressAbove: 1024 },
      locks: { waitMs: 0, minReplicas: 1 },
      rateLimit: given.rateLimit,
    });
  });

  it.each([
    ['cache', { lockOnUnavailable: 'maybe' }, 'lockOnUnavailable'],
    ['cache', { localMaxBytes: -1 }, 'localMaxBytes'],
    ['cache', { localMaxStaleness: 0 }, 'localMaxStaleness'],
    ['cache', { localMaxStaleness: '2h' }, 'localMaxStaleness'],
    ['cache', { compressAbove: 1.5 }, 'compressAbove'],
    ['cache', { ttl: 5 }, 'ttl'],
    ['locks', { wait: '10' }, 'wait'],
    ['locks', { minReplicas: -1 }, 'minReplicas'],
    ['locks', { ttl: '10s' }, 'ttl'],
    ['rateLimit', { instances: 0 }, 'instances'],
    ['rateLimit', { ipv6Prefix: 129 }, 'ipv6Prefix'],
    ['rateLimit', { allow: '10.0.0.0/8' }, 'allow'],
    ['rateLimit', { allow: ['10.0.0.0/33'] }, 'allow'],
    ['rateLimit', { allow: ['10.0.0/8'] }, 'allow'],
    ['rateLimit', { allow: ['::1/8/8'] }, 'allow'],
    ['rateLimit', { allow: [5] }, 'allow'],
    ['rateLimit', { limit: 5 }, 'limit'],
  ])('refuses %s: %j', (group, options, option) => {
    expect(pathsOf({ ...MINIMAL, [group]: options })).toEqual([`${group}.${option}`]);
  });
});

describe('oauth', () => {
  it('takes lives, and keys of text, bytes or a KeyObject', () => {
    const keys = [
      { id: 'text', key: OTHER_SECRET },
      { id: 'bytes', key: randomBytes(32) },
      { id: 'object', key: createSecretKey(randomBytes(32)) },
    ];
    const { oauth } = resolveOptions(withOAuth({ ttl: '1h', defaultTtl: 60, refreshTtl: '90 days', encryption: { keys } }) as never);
    expect(oauth).toMatchObject({ ttlMs: 3_600_000, defaultTtlMs: 60_000, refreshTtlMs: 90 * 86_400_000 });
    const resolved = (oauth.encryption as { keys: { id: string; secret: KeyObject }[] }).keys;
    expect(resolved.map(({ id }) => id)).toEqual(['text', 'bytes', 'object']);
    for (const { secret } of resolved) expect(secret).toBeInstanceOf(KeyObject);
    expect(resolveOptions(MINIMAL).oauth).not.toHaveProperty('ttlMs');
    expect(resolveOptions(MINIMAL).oauth).not.toHaveProperty('encryption');
  });

  it('takes functions as they are', () => {
    const hooks = { encrypt: (text: string) => text, decrypt: async (text: string) => text };
    expect(resolveOptions(withEncryption(hooks) as never).oauth.encryption).toEqual(hooks);
  });

  it.each([
    [withOAuth('x'), ['oauth']],
    [withOAuth({ ttls: 1 }), ['oauth.ttls']],
    [withOAuth({ ttl: 0 }), ['oauth.ttl']],
    [withOAuth({ ttl: 'never' }), ['oauth.ttl']],
    [withOAuth({ defaultTtl: '5' }), ['oauth.defaultTtl']],
    [withOAuth({ refreshTtl: -5 }), ['oauth.refreshTtl']],
    [withEncryption('secret'), ['oauth.encryption']],
    [withEncryption([]), ['oauth.encryption']],
    [withEncryption({}), ['oauth.encryption.keys']],
    [withEncryption({ key: SECRET }), ['oauth.encryption.key', 'oauth.encryption.keys']],
    [withEncryption({ keys: { id: 'a' } }), ['oauth.encryption.keys']],
    [withKeys(), ['oauth.encryption.keys']],
    [withKeys({ id: 'a' }), ['oauth.encryption.keys[0].key']],
    [withKeys({ key: OTHER_SECRET }), ['oauth.encryption.keys[0].id']],
    [withKeys({ id: 'a b', key: OTHER_SECRET }), ['oauth.encryption.keys[0].id']],
    [withKeys({ id: 'a', key: OTHER_SECRET }, { id: 'a', key: randomBytes(32) }), ['oauth.encryption.keys[1].id']],
    [withKeys({ id: 'a', key: 'short' }), ['oauth.encryption.keys[0].key']],
    [withKeys({ id: 'a', key: 'secret'.repeat(8) }), ['oauth.encryption.keys[0].key']],
    [withKeys({ id: 'a', key: randomBytes(31) }), ['oauth.encryption.keys[0].key']],
    [withKeys({ id: 'a', key: 5 }), ['oauth.encryption.keys[0].key']],
    [withKeys({ id: 'a', key: OTHER_SECRET, algorithm: 'aes' }), ['oauth.encryption.keys[0].algorithm']],
    [withKeys(null), ['oauth.encryption.keys[0]', 'oauth.encryption.keys[0].id', 'oauth.encryption.keys[0].key']],
    [withEncryption({ encrypt: () => '' }), ['oauth.encryption.decrypt']],
    [withEncryption({ decrypt: () => '' }), ['oauth.encryption.encrypt']],
    [withEncryption({ encrypt: 'rot13', decrypt: () => '' }), ['oauth.encryption.encrypt']],
    [withEncryption({ encrypt: () => '', decrypt: () => '', keys: [] }), ['oauth.encryption.keys']],
  ])('refuses %j', (options, paths) => {
    expect(pathsOf(options)).toEqual(paths);
  });

  it('shows no key in its errors', () => {
    const error = configError(withKeys({ id: 'a b', key: 'hunter2-key' }, { id: 'c', key: Buffer.from('hunter2-bytes') }));
    expect(error.issues).toHaveLength(3);
    expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)).not.toMatch(/hunter2/);
  });
});

describe('a TokenStore by hand', () => {
  const issuesOf = (options: unknown): string[] => {
    try {
      void new TokenStore(options as TokenStoreOptions).close();
    } catch (error) {
      if (error instanceof RedisAuthConfigError) return error.issues.map(({ path }) => path);
      throw error;
    }
    return [];
  };

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an empty object', {}],
    ['a URL', { redis: 'redis://h:6379/1' }],
    ['parts of an address', { redis: { host: 'h', port: 6379 } }],
    ['everything', { redis: 'redis://h', keyPrefix: 'x:', commandTimeout: 50, secret: SECRET, defaultTtl: '1h', maxDataBytes: 100 }],
  ])('takes %s, and does not connect before its first call', (_what, options) => {
    expect(issuesOf(options)).toEqual([]);
  });

  it("takes a client of ioredis, alone or as { client }, which stays the caller's", async () => {
    const client = new Redis({ lazyConnect: true });
    for (const redis of [client, { client }]) {
      const tokens = new TokenStore({ redis });
      expect(tokens.client).toBe(client);
      await tokens.close();
      await tokens.close();
    }
    expect(client.status).toBe('wait');
    client.disconnect();
  });

  it.each([
    ['redis://h', ['options']],
    [5, ['options']],
    [[], ['options']],
    [{ rediss: 'redis://h' }, ['rediss']],
    [{ redis: 'http://h' }, ['redis']],
    [{ redis: { host: 'h', keyPrefix: 'x' } }, ['redis.keyPrefix']],
    [{ keyPrefix: 'a{b}' }, ['keyPrefix']],
    [{ commandTimeout: 0 }, ['commandTimeout']],
    [{ secret: 'short' }, ['secret']],
    [{ defaultTtl: 'never' }, ['defaultTtl']],
    [{ maxDataBytes: 0 }, ['maxDataBytes']],
    [{ ttl: '1h', secret: 5, keyPrefix: '' }, ['keyPrefix', 'secret', 'ttl']],
  ])('refuses %j', (options, paths) => {
    expect(issuesOf(options).toSorted()).toEqual(paths);
  });
});
