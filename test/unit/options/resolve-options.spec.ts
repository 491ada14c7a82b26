import { inspect } from 'node:util';
import { createSecretKey, randomBytes, generateKeyPairSync, KeyObject } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { configError, MINIMAL, OTHER_SECRET, pathsOf, SECRET } from './options-fixture.js';

const withSessions = (sessions: unknown) => ({ ...MINIMAL, sessions });
const withGuard = (guard: unknown) => ({ ...MINIMAL, guard });

describe('resolveOptions', () => {
  it('fills in the defaults', () => {
    const { jwt, redis: _, ...rest } = resolveOptions(MINIMAL);
    expect(rest).toEqual({
      instance: 'default',
      keyPrefix: 'auth:',
      commandTimeoutMs: 1000,
      guard: { from: ['bearer'], cookieName: 'access_token', touch: false },
      sessions: {
        accessTokenTtlMs: 15 * 60_000,
        idleTimeoutMs: 7 * 86_400_000,
        absoluteTimeoutMs: 30 * 86_400_000,
        refreshLeewayMs: 10_000,
        touchIntervalMs: 60_000,
        revocation: 'local',
        maxStalenessMs: 5_000,
        keyspaceNotifications: false,
        maxDataBytes: 16_384,
        maxClaimsBytes: 4096,
      },
      tokens: { defaultTtlMs: 86_400_000, maxDataBytes: 16_384 },
      oauth: { defaultTtlMs: 86_400_000, refreshTtlMs: 30 * 86_400_000 },
      cache: { lockOnUnavailable: 'deny', localMaxBytes: 16_777_216, localMaxStalenessMs: 2_000, compressAbove: 0 },
      locks: { waitMs: 10_000, minReplicas: 0 },
      rateLimit: { instances: 1, ipv6Prefix: 64, allow: [] },
      audit: 'warn',
      httpErrors: true,
      traceIds: false,
    });
    expect(jwt).toMatchObject({ issuer: 'https://issuer.test', audience: ['api'], clockToleranceMs: 5000 });
    expect(jwt.keys[0]?.kid).toBeUndefined();
  });

  it('gives a named instance a prefix of its own', () => {
    expect(resolveOptions(MINIMAL, 'admin')).toMatchObject({ instance: 'admin', keyPrefix: 'auth:admin:' });
    expect(resolveOptions(MINIMAL, 'a'.repeat(64)).keyPrefix).toBe(`auth:${'a'.repeat(64)}:`);
    expect(resolveOptions({ ...MINIMAL, keyPrefix: 'shop:' }, 'admin').keyPrefix).toBe('shop:');
    expect(resolveOptions({ ...MINIMAL, keyPrefix: 'é'.repeat(128) }).keyPrefix).toBe('é'.repeat(128));
  });

  it('reads a number as the limit that evicts the oldest', () => {
    expect(resolveOptions(withSessions({ limit: 3 }) as never).sessions.limit).toEqual({ max: 3, onExceeded: 'evict-oldest' });
    expect(resolveOptions(withSessions({ limit: { max: 1, onExceeded: 'reject' } }) as never).sessions.limit).toEqual({
      max: 1,
      onExceeded: 'reject',
    });
  });

  it('takes serveFor with revocation kept locally, which is the default, and no bound on it by itself', () => {
    const served = (sessions: object) => resolveOptions(withSessions(sessions) as never).sessions;
    expect(served({ onStoreUnavailable: { serveFor: '2m' } })).toMatchObject({ revocation: 'local', serveForMs: 120_000 });
    expect(served({ revocation: 'local', maxStaleness: '500 ms', onStoreUnavailable: { serveFor: 1 } })).toMatchObject({
      maxStalenessMs: 500,
      serveForMs: 1_000,
    });
    for (const sessions of [{}, { onStoreUnavailable: 'reject' }, { revocation: 'remote', onStoreUnavailable: 'reject' }]) {
      expect(served(sessions)).not.toHaveProperty('serveForMs');
    }
  });

  it('reads null as "not set"', () => {
    expect(
      resolveOptions({ ...MINIMAL, redis: null, sessions: null, guard: null, tokens: null, oauth: null, keyPrefix: null } as never),
    ).toEqual(resolveOptions(MINIMAL));
  });

  it('freezes what it returns, and changes nothing of what it was given', () => {
    const client = new Redis({ lazyConnect: true });
    const given = {
      ...MINIMAL,
      redis: { host: 'h', tls: { ca: [Buffer.from('x')] } },
      sessions: { limit: { max: 2, onExceeded: 'reject' as const } },
    };
    const before = inspect(given, { depth: 10 });
    const resolved = resolveOptions(given);
    const everything = [
      resolved,
      resolved.redis,
      resolved.jwt,
      resolved.jwt.keys,
      resolved.jwt.keys[0],
      resolved.jwt.audience,
      resolved.sessions.limit,
    ];
    expect(everything.every((part) => Object.isFrozen(part))).toBe(true);
    expect(inspect(given, { depth: 10 })).toBe(before);
    expect([given, given.redis, given.redis.tls, given.sessions.limit].some((part) => Object.isFrozen(part))).toBe(false);
    expect(resolveOptions({ ...MINIMAL, redis: { client } }).redis).toEqual({ kind: 'client', client });
    expect(Object.isFrozen(client)).toBe(false);
  });

  it.each([
    [{ ...MINIMAL, sesions: {} }, 'sesions', /did you mean "sessions"/],
    [{ ...MINIMAL, token: {} }, 'token', /did you mean "tokens"/],
    [{ ...MINIMAL, keyPrefix: 'a{b}' }, 'keyPrefix', /"\{"/],
    [{ ...MINIMAL, keyPrefix: '' }, 'keyPrefix', /non-empty/],
    [{ ...MINIMAL, keyPrefix: 'x'.repeat(257) }, 'keyPrefix', /256 bytes/],
    [{ ...MINIMAL, keyPrefix: '\ud800' }, 'keyPrefix', /non-empty/],
    [{ ...MINIMAL, keyPrefix: 5 }, 'keyPrefix', /string/],
    [{ ...MINIMAL, commandTimeout: 0 }, 'commandTimeout', /integer from 1/],
    [{ ...MINIMAL, commandTimeout: '1s' }, 'commandTimeout', /integer/],
    [{ ...MINIMAL, commandTimeout: NaN }, 'commandTimeout', /integer/],
    [{ ...MINIMAL, audit: 'loud' }, 'audit', /"off", "warn", "enforce"/],
    [{ ...MINIMAL, httpErrors: 'yes' }, 'httpErrors', /true or false/],
    [{ ...MINIMAL, traceIds: 1 }, 'traceIds', /true or false/],
    [{ ...MINIMAL, sessions: 5 }, 'sessions', /object/],
    [withSessions({ limit: 0 }), 'sessions.limit', /at least 1/],
    [withSessions({ limit: 1.5 }), 'sessions.limit', /integer/],
    [withSessions({ limit: '3' }), 'sessions.limit', /integer/],
    [withSessions({ limit: { max: 0, onExceeded: 'reject' } }), 'sessions.limit.max', /integer from 1/],
    [withSessions({ limit: { onExceeded: 'reject' } }), 'sessions.limit.max', /required/],
    [withSessions({ limit: { max: 2, onExceeded: 'evict' } }), 'sessions.limit.onExceeded', /"evict-oldest"/],
    [withSessions({ limit: { max: 2, onExceded: 'reject' } }), 'sessions.limit.onExceded', /did you mean "onExceeded"/],
    [withSessions({ accessTokenTTL: '5m' }), 'sessions.accessTokenTTL', /did you mean "accessTokenTtl"/],
    [withSessions({ revocation: 'never' }), 'sessions.revocation', /"local", "remote", "off"/],
    [withSessions({ maxStaleness: 0 }), 'sessions.maxStaleness', /at least/],
    [withSessions({ maxStaleness: 'soon' }), 'sessions.maxStaleness', /number of seconds/],
    [
      withSessions({ revocation: 'remote', onStoreUnavailable: { serveFor: '1h' } }),
      'sessions.onStoreUnavailable',
      /needs revocation "local"/,
    ],
    [
      withSessions({ revocation: 'off', onStoreUnavailable: { serveFor: '1h' } }),
      'sessions.onStoreUnavailable',
      /needs revocation "local"/,
    ],
    [withSessions({ onStoreUnavailable: {} }), 'sessions.onStoreUnavailable.serveFor', /required/],
    [withSessions({ onStoreUnavailable: { serveFor: 0 } }), 'sessions.onStoreUnavailable.serveFor', /at least/],
    [withSessions({ onStoreUnavailable: { serveFor: '1 parsec' } }), 'sessions.onStoreUnavailable.serveFor', /number of seconds/],
    [
      withSessions({ onStoreUnavailable: { servFor: '1h', serveFor: '1h' } }),
      'sessions.onStoreUnavailable.servFor',
      /did you mean "serveFor"/,
    ],
    [withSessions({ onStoreUnavailable: 'serve' }), 'sessions.onStoreUnavailable', /"reject"/],
    [withSessions({ maxDataBytes: 0 }), 'sessions.maxDataBytes', /integer/],
    [withSessions({ maxClaimsBytes: 1e9 }), 'sessions.maxClaimsBytes', /integer/],
    [withSessions({ keyspaceNotifications: 1 }), 'sessions.keyspaceNotifications', /true or false/],
    [withSessions({ refreshKeys: [] }), 'sessions.refreshKeys', /at least one/],
    [withSessions({ refreshKeys: [{ kid: 'a' }] }), 'sessions.refreshKeys[0].secret', /required/],
    [withSessions({ refreshKeys: [{ kid: 'a b', secret: OTHER_SECRET }] }), 'sessions.refreshKeys[0].kid', /A-Z/],
    [withGuard({ from: [] }), 'guard.from', /at least one/],
    [withGuard({ from: ['header'] }), 'guard.from', /"bearer"/],
    [withGuard({ cookie: { name: 'a b' } }), 'guard.cookie.name', /cookie name/],
    [withGuard({ cookie: { name: '__Host-x' } }), 'guard.cookie.name', /without its prefix/],
    [withGuard({ cookie: { nam: 'x' } }), 'guard.cookie.nam', /did you mean "name"/],
    [withGuard({ touch: 'yes' }), 'guard.touch', /true or false/],
    [withGuard({ userLoader: {} }), 'guard.userLoader', /function/],
  ])('refuses %j at %s', (options, path, message) => {
    expect(configError(options).issues).toEqual([{ path, message: expect.stringMatching(message) as string }]);
  });

  it.each([undefined, null, 5, 'redis://h', []])('refuses %j for the options as a whole', (options) => {
    expect(pathsOf(options)).toContain('options');
  });

  it.each(['a b', '', 'ü', 'x'.repeat(65), '{a}'])('refuses the instance name %j', (instance) => {
    expect(configError(MINIMAL, instance).issues).toEqual([{ path: 'instance', message: expect.stringMatching(/A-Z/) as string }]);
  });

  it('lists every mistake in one error, and none of the secrets', () => {
    const error = configError({
      redis: { url: 'redis://:hunter2-redis@h:0', password: 5 },
      keyPrefix: '{}',
      jwt: { secret: 'hunter2-jwt', issuer: '', audience: [], clockTolerance: '2h' },
      sessions: { limit: 0, idleTimeout: 'soon', refreshKeys: [{ kid: 'r', secret: 'hunter2-refresh' }] },
      guard: { from: 'bearer' },
      extra: 'hunter2-extra',
    });
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(error.code).toBe('ERR_REDIS_AUTH_CONFIG');
    expect(error.issues.map(({ path }) => path).sort()).toEqual(
      [
        'extra',
        'guard.from',
        'jwt.audience',
        'jwt.clockTolerance',
        'jwt.issuer',
        'jwt.secret',
        'keyPrefix',
        'redis.password',
        'redis.url',
        'sessions.idleTimeout',
        'sessions.limit',
        'sessions.refreshKeys[0].secret',
      ].sort(),
    );
    for (const { path } of error.issues) expect(error.message).toContain(`${path}: `);
    expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toContain('hunter2');
  });
});

describe('jwt options', () => {
  const jwt = (given: object) => ({ jwt: { issuer: 'i', audience: 'a', ...given } });
  const pem = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } } as const;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, ...pem });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256', ...pem });
  const ed = generateKeyPairSync('ed25519', pem);

  it('S18 refuses known defaults, also repeated to reach the length, and short and low-variety secrets', () => {
    const weak = [
      '',
      'short',
      'x'.repeat(31),
      'x'.repeat(64),
      'ab'.repeat(20),
      'abc'.repeat(11),
      'secret'.repeat(8),
      'secretsecretsecretsecretsecretse',
      'SuperSecret!SuperSecret!SuperSecret!',
      'keyboard cat keyboard cat keyboard cat',
      'jwt_secret_jwt_secret_jwt_secret_jwt_secret',
      'my-secret my-secret my-secret my-secret',
      'your-secret-key-change-me-in-production',
      'please-change-me-in-production!!',
      'changeme-changeme-changeme-changeme',
      'your-256-bit-secret-your-256-bit-secret',
      'a-string-secret-at-least-256-bits-long',
      'your-super-secret-jwt-token-with-at-least-32-characters-long',
      rsa.publicKey,
      rsa.privateKey,
      Buffer.alloc(64),
      Buffer.from('x'),
      createSecretKey(Buffer.alloc(64, 'ab')),
      5,
      {},
      generateKeyPairSync('ed25519').privateKey,
    ];
    for (const secret of weak) {
      expect({ secret, paths: pathsOf(jwt({ secret })) }).toEqual({ secret, paths: ['jwt.secret'] });
      expect(pathsOf({ ...MINIMAL, sessions: { refreshKeys: [{ kid: 'r', secret }] } })).toEqual(['sessions.refreshKeys[0].secret']);
    }
  });

  it('takes any random secret', () => {
    const isTaken = (secret: string | Buffer) => resolveOptions({ ...MINIMAL, jwt: { ...MINIMAL.jwt, secret } }).jwt.keys.length === 1;
    for (let i = 0; i < 1000; i++) {
      const bytes = randomBytes(32);
      expect([bytes, bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')].every(isTaken)).toBe(true);
    }
  });

  it('takes up to an hour of tolerance', () => {
    expect(resolveOptions(jwt({ secret: SECRET, clockTolerance: '1h' }) as never).jwt.clockToleranceMs).toBe(3_600_000);
  });

  it('S18 refuses a secret that serves two purposes', () => {
    expect(pathsOf({ ...MINIMAL, sessions: { refreshKeys: [{ kid: 'r', secret: Buffer.from(SECRET) }] } })).toEqual([
      'sessions.refreshKeys[0].secret',
    ]);
    const other = resolveOptions({ ...MINIMAL, sessions: { refreshKeys: [{ kid: 'r', secret: OTHER_SECRET }] } }).sessions.refreshKeys;
    expect(other?.[0]).toMatchObject({ kid: 'r', secret: expect.any(KeyObject) as KeyObject });
  });

  it.each([
    ['32 random bytes in base64url', 'hV0m2Zs3nJkA7XwQe9Tr4Yb1Lc6Pf8Ud'],
    ['64 hexadecimal digits', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    ['a passphrase', 'correct horse battery staple 4 the win'],
    ['words that say it is for tests', 'test-secret-test-secret-test-secret'],
    ['words for tests that plead to be changed', 'test-secret-change-this-in-production'],
    ['a sentence with a default word', 'this-is-a-test-secret-of-32-bytes!'],
    ['digits in their order, twice', '0123456789abcdef0123456789abcdef'],
    ['the alphabet', 'abcdefghijklmnopqrstuvwxyz012345'],
    ['four characters, again and again', 'Zk4&'.repeat(9)],
    ['bytes', Buffer.from('00f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819aabbccddeeff', 'hex')],
    ['a KeyObject', createSecretKey(Buffer.from(OTHER_SECRET))],
  ])('takes %s for a secret', (_, secret) => {
    expect(resolveOptions(jwt({ secret }) as never).jwt.keys).toMatchObject([{ algorithm: 'HS256' }]);
  });

  it.each([
    ['RS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ])('S18 pins %s by the type of the key, and verifies with the public key alone', (algorithm, { privateKey, publicKey }) => {
    const [signing] = resolveOptions(jwt({ privateKey }) as never).jwt.keys;
    const [verifying] = resolveOptions(jwt({ publicKey }) as never).jwt.keys;
    expect(signing).toMatchObject({ algorithm, signingKey: { type: 'private' }, verifyingKey: { type: 'public' } });
    expect(verifying).toMatchObject({ algorithm, verifyingKey: { type: 'public' } });
    expect(verifying).not.toHaveProperty('signingKey');
    expect(resolveOptions(jwt({ privateKey, publicKey }) as never).jwt.keys[0]?.verifyingKey.type).toBe('public');
  });

  it('lets keys of different kinds stand side by side, each with its algorithm', () => {
    const keys = [
      { kid: 'a', privateKey: ec.privateKey },
      { kid: 'b', secret: SECRET, algorithm: 'HS512' },
      { kid: 'c', publicKey: rsa.publicKey, algorithm: 'PS384' },
    ];
    const resolved = resolveOptions(jwt({ keys }) as never).jwt.keys;
    expect(resolved.map(({ kid, algorithm }) => [kid, algorithm])).toEqual([
      ['a', 'ES256'],
      ['b', 'HS512'],
      ['c', 'PS384'],
    ]);
  });

  it.each([
    ['nothing at all', {}, ['jwt.secret']],
    ['both a secret and keys', { secret: SECRET, keys: [{ kid: 'a', secret: OTHER_SECRET }] }, ['jwt.keys']],
    ['both a private key and keys', { privateKey: ec.privateKey, keys: [{ kid: 'a', secret: OTHER_SECRET }] }, ['jwt.keys']],
    ['no key, and the algorithm none', { algorithm: 'none' }, ['jwt.algorithm', 'jwt.secret']],
    ['no key in the list, and the algorithm none', { keys: [], algorithm: 'none' }, ['jwt.algorithm', 'jwt.keys']],
    ['a weak secret beside keys', { secret: 'short', keys: [{ kid: 'a', secret: OTHER_SECRET }] }, ['jwt.secret', 'jwt.keys']],
    [
      'unreadable keys beside keys',
      { privateKey: 'nope', publicKey: 'nope', keys: [{ kid: 'a', secret: OTHER_SECRET }] },
      ['jwt.privateKey', 'jwt.publicKey', 'jwt.keys'],
    ],
    ['a secret beside no list', { secret: SECRET, keys: 5 }, ['jwt.keys']],
    ['a weak secret and an unreadable private key', { secret: 'short', privateKey: 'nope' }, ['jwt.secret', 'jwt.privateKey']],
    [
      'both a secret and a private key, either of which fits',
      { secret: SECRET, privateKey: ec.privateKey, algorithm: 'ES256' },
      ['jwt.secret'],
    ],
    [
      'both a secret and a private key, neither of which fits',
      { secret: SECRET, privateKey: ec.privateKey, algorithm: 'RS256' },
      ['jwt.secret', 'jwt.algorithm'],
    ],
    [
      'a secret, and a key that may fit once it can be read',
      { secret: SECRET, privateKey: 'nope', algorithm: 'ES256' },
      ['jwt.privateKey', 'jwt.secret'],
    ],
    [
      'an unreadable private key, and an algorithm of another kind than the public one',
      { privateKey: 'nope', publicKey: rsa.publicKey, algorithm: 'ES256' },
      ['jwt.privateKey', 'jwt.algorithm'],
    ],
    [
      'an algorithm that does not fit, and a public key of another pair',
      { privateKey: ec.privateKey, publicKey: rsa.publicKey, algorithm: 'HS256' },
      ['jwt.publicKey', 'jwt.algorithm'],
    ],
    [
      'a public key of another type than its private key, and not the good key behind it',
      {
        keys: [
          { kid: 'a', privateKey: ec.privateKey, publicKey: rsa.publicKey },
          { kid: 'b', privateKey: ec.privateKey },
        ],
      },
      ['jwt.keys[0].publicKey'],
    ],
    [
      'algorithms that do not fit, one in the list and one beside it',
      { keys: [{ kid: 'a', secret: SECRET, algorithm: 'HS1' }], algorithm: 'RS256' },
      ['jwt.keys[0].algorithm'],
    ],
    [
      'a public key first, where another with a weak secret was to sign',
      {
        keys: [
          { kid: 'a', publicKey: ec.publicKey },
          { kid: 'b', secret: 'short' },
        ],
      },
      ['jwt.keys[1].secret', 'jwt.keys[0]'],
    ],
    ['both a secret and a private key', { secret: SECRET, privateKey: ec.privateKey }, ['jwt.secret']],
    ['no key in the list', { keys: [] }, ['jwt.keys']],
    ['no list', { keys: { kid: 'a' } }, ['jwt.keys']],
    ['no kid', { keys: [{ secret: SECRET }] }, ['jwt.keys[0].kid']],
    ['a kid of other characters', { keys: [{ kid: 'a.b', secret: SECRET }] }, ['jwt.keys[0].kid']],
    [
      'a kid used twice',
      {
        keys: [
          { kid: 'a', secret: SECRET },
          { kid: 'a', secret: OTHER_SECRET },
        ],
      },
      ['jwt.keys[1].kid'],
    ],
    ['a key without means', { keys: [{ kid: 'a' }] }, ['jwt.keys[0].secret']],
    ['no key object', { keys: [null] }, ['jwt.keys[0]', 'jwt.keys[0].kid', 'jwt.keys[0].secret']],
    [
      'a public key first, where another could sign',
      {
        keys: [
          { kid: 'a', publicKey: ec.publicKey },
          { kid: 'b', secret: SECRET },
        ],
      },
      ['jwt.keys[0]'],
    ],
    ['the algorithm none', { secret: SECRET, algorithm: 'none' }, ['jwt.algorithm']],
    ['an unknown algorithm', { secret: SECRET, algorithm: 'HS1' }, ['jwt.algorithm']],
    ['an RSA algorithm for a secret', { secret: SECRET, algorithm: 'RS256' }, ['jwt.algorithm']],
    ['an HMAC algorithm for a public key', { publicKey: rsa.publicKey, algorithm: 'HS256' }, ['jwt.algorithm']],
    ['ES384 for P-256', { privateKey: ec.privateKey, algorithm: 'ES384' }, ['jwt.algorithm']],
    [
      'a public key of another pair',
      { privateKey: ec.privateKey, publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256', ...pem }).publicKey },
      ['jwt.publicKey'],
    ],
    ['a private key as the public one', { publicKey: ec.privateKey }, ['jwt.publicKey']],
    ['a public key as the private one', { privateKey: ec.publicKey }, ['jwt.privateKey']],
    ['text for a key', { privateKey: 'hello' }, ['jwt.privateKey']],
    ['a secret KeyObject as public key', { publicKey: createSecretKey(Buffer.from(SECRET)) }, ['jwt.publicKey']],
    ['a short RSA key', { privateKey: generateKeyPairSync('rsa', { modulusLength: 1024, ...pem }).privateKey }, ['jwt.privateKey']],
    [
      'an RSA-PSS key for SHA-1',
      {
        privateKey: generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha1', mgf1HashAlgorithm: 'sha1', ...pem })
          .privateKey,
      },
      ['jwt.privateKey'],
    ],
    [
      'PS512 for an RSA-PSS key for SHA-256',
      {
        algorithm: 'PS512',
        privateKey: generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', ...pem })
          .privateKey,
      },
      ['jwt.algorithm'],
    ],
    ['another curve', { privateKey: generateKeyPairSync('ec', { namedCurve: 'secp256k1', ...pem }).privateKey }, ['jwt.privateKey']],
    ['a key that cannot sign', { privateKey: generateKeyPairSync('x25519', pem).privateKey }, ['jwt.privateKey']],
    ['no issuer', { secret: SECRET, issuer: undefined }, ['jwt.issuer']],
    ['an issuer that is no string', { secret: SECRET, issuer: ['i'] }, ['jwt.issuer']],
    ['no audience', { secret: SECRET, audience: undefined }, ['jwt.audience']],
    ['an empty audience', { secret: SECRET, audience: ['a', ''] }, ['jwt.audience']],
    ['too much tolerance', { secret: SECRET, clockTolerance: '61m' }, ['jwt.clockTolerance']],
    ['an unknown key', { secret: SECRET, expiresIn: '1h' }, ['jwt.expiresIn']],
    ['an unknown key in the list', { keys: [{ kid: 'a', secret: SECRET, alg: 'HS256' }] }, ['jwt.keys[0].alg']],
  ])('refuses %s', (_, given, paths) => {
    expect(pathsOf(jwt(given))).toEqual(paths);
  });

  it('tells every mistake of one option in one issue', () => {
    const { issues } = configError(jwt({ secret: 'short', privateKey: ec.privateKey }));
    expect(issues).toEqual([{ path: 'jwt.secret', message: expect.stringMatching(/32 bytes.*; and cannot stand beside/) as string }]);
  });

  it('S18 refuses a secret that serves two purposes, also where its algorithm is wrong', () => {
    const given = { ...jwt({ secret: SECRET, algorithm: 'RS256' }), sessions: { refreshKeys: [{ kid: 'r', secret: SECRET }] } };
    expect(pathsOf(given)).toEqual(['jwt.algorithm', 'sessions.refreshKeys[0].secret']);
  });
});
