import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { ConfigService } from '@nestjs/config';
import { describe, expect, it } from 'vitest';
import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import { type ConfigOverrides, redisAuthOptionsFromConfig, resolveOptions } from '../../../lib/options/index.js';
import { OTHER_SECRET, SECRET } from './options-fixture.js';

const JWT = { JWT_SECRET: SECRET, JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };

function read(variables: Record<string, unknown>, overrides?: ConfigOverrides) {
  return redisAuthOptionsFromConfig({ get: (key) => variables[key] }, overrides);
}

function errorOf(variables: Record<string, unknown>, overrides?: ConfigOverrides): RedisAuthConfigError {
  try {
    read(variables, overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(inspect(error, { depth: 10 })).not.toContain('hunter2');
    return error as RedisAuthConfigError;
  }
  throw new Error('the variables were accepted');
}

function issuesOf(variables: Record<string, unknown>, overrides?: ConfigOverrides): Record<string, string> {
  return Object.fromEntries(errorOf(variables, overrides).issues.map(({ path, message }) => [path, message]));
}

describe('redisAuthOptionsFromConfig', () => {
  it('reads what has to be there', () => {
    expect(read(JWT)).toEqual({ jwt: { secret: SECRET, issuer: 'i', audience: ['a'] } });
  });

  it('reads every variable of Redis', () => {
    const variables = {
      ...JWT,
      REDIS_HOST: 'h',
      REDIS_PORT: '6380',
      REDIS_USERNAME: 'u',
      REDIS_PASSWORD: ' p ',
      REDIS_DB: '2',
      REDIS_TLS: 'true',
      REDIS_CONNECT_TIMEOUT: '700',
      REDIS_COMMAND_TIMEOUT: '800',
      REDIS_KEY_PREFIX: 'shop:',
    };
    expect(read(variables)).toMatchObject({
      redis: { host: 'h', port: 6380, username: 'u', password: ' p ', db: 2, tls: {}, connectTimeout: 700 },
      commandTimeout: 800,
      keyPrefix: 'shop:',
    });
  });

  it.each([
    [
      'redis://u:p@h:6381/3',
      { kind: 'standalone', options: { host: 'h', port: 6381, username: 'u', password: 'p', db: 3, connectTimeout: 700 } },
    ],
    ['/run/redis.sock', { kind: 'standalone', options: { path: '/run/redis.sock', connectTimeout: 700 } }],
    ['redis://n1,n2', { kind: 'cluster', options: { redisOptions: { connectTimeout: 700 } } }],
    ['redis://s1,s2/m', { kind: 'sentinel', options: { name: 'm', connectTimeout: 700 } }],
  ])('R1 prefers REDIS_URL=%s to host and port', (url, expected) => {
    const options = read({ ...JWT, REDIS_URL: `${url}\n`, REDIS_HOST: 'x', REDIS_PORT: '1', REDIS_CONNECT_TIMEOUT: '700' });
    expect(resolveOptions(options).redis).toMatchObject(expected);
  });

  it('reads every variable of the sessions', () => {
    const variables = {
      ...JWT,
      JWT_ALGORITHM: 'HS512',
      JWT_CLOCK_TOLERANCE: '3',
      SESSION_ACCESS_TOKEN_TTL: '600',
      SESSION_IDLE_TIMEOUT: '1 day',
      SESSION_ABSOLUTE_TIMEOUT: '2w',
      SESSION_LIMIT: '3:reject',
      SESSION_REFRESH_LEEWAY: '0',
      SESSION_REFRESH_KEYS: `r1:${OTHER_SECRET},r0:hV0m2Zs3nJkA7XwQe9Tr4Yb1Lc6Pf8Ud`,
      SESSION_TOUCH_INTERVAL: '2m',
      SESSION_REVOCATION: 'off',
      SESSION_MAX_STALENESS: '3',
      SESSION_ON_STORE_UNAVAILABLE: 'reject',
      SESSION_KEYSPACE_NOTIFICATIONS: '1',
      SESSION_MAX_DATA_BYTES: '100',
      SESSION_MAX_CLAIMS_BYTES: '200',
    };
    const { jwt, sessions } = resolveOptions(read(variables));
    expect(jwt).toMatchObject({ clockToleranceMs: 3000, keys: [{ algorithm: 'HS512' }] });
    expect(sessions).toMatchObject({
      accessTokenTtlMs: 600_000,
      idleTimeoutMs: 86_400_000,
      absoluteTimeoutMs: 1_209_600_000,
      limit: { max: 3, onExceeded: 'reject' },
      refreshLeewayMs: 0,
      refreshKeys: [{ kid: 'r1' }, { kid: 'r0' }],
      touchIntervalMs: 120_000,
      revocation: 'off',
      maxStalenessMs: 3_000,
      keyspaceNotifications: true,
      maxDataBytes: 100,
      maxClaimsBytes: 200,
    });
    const served = { ...JWT, SESSION_MAX_STALENESS: '800 ms', SESSION_ON_STORE_UNAVAILABLE: '90' };
    expect(resolveOptions(read(served)).sessions).toMatchObject({ revocation: 'local', maxStalenessMs: 800, serveForMs: 90_000 });
    expect(resolveOptions(read({ ...JWT, SESSION_LIMIT: '3' })).sessions.limit).toEqual({ max: 3, onExceeded: 'evict-oldest' });
  });

  it('drops nothing of a limit', () => {
    expect(Object.keys(issuesOf({ ...JWT, SESSION_LIMIT: '3:reject:x' }))).toEqual(['SESSION_LIMIT']);
  });

  it('takes PEM with its line breaks written out, and several audiences', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const oneLine = (pem: string) => pem.replaceAll('\n', String.raw`\n`);
    const { jwt } = resolveOptions(
      read({ JWT_PRIVATE_KEY: oneLine(privateKey), JWT_PUBLIC_KEY: oneLine(publicKey), JWT_ISSUER: 'i', JWT_AUDIENCE: 'a, b' }),
    );
    expect(jwt).toMatchObject({ keys: [{ algorithm: 'ES256' }], audience: ['a', 'b'] });
  });

  it('reads values that a schema has already converted', () => {
    const config = new ConfigService({
      ...JWT,
      REDIS_HOST: 'h',
      REDIS_PORT: 6380,
      REDIS_TLS: false,
      SESSION_LIMIT: 2,
      SESSION_KEYSPACE_NOTIFICATIONS: true,
    });
    const options = redisAuthOptionsFromConfig(config);
    expect(options).toMatchObject({ redis: { host: 'h', port: 6380 }, sessions: { limit: 2, keyspaceNotifications: true } });
    expect(resolveOptions(options).redis).toEqual({ kind: 'standalone', options: expect.not.objectContaining({ tls: {} }) as object });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(read({ ...JWT, REDIS_URL: '', REDIS_PASSWORD: '', SESSION_LIMIT: '', JWT_ALGORITHM: '' })).toEqual(read(JWT));
  });

  it('merges overrides into jwt, sessions and guard', () => {
    const options = read(
      { ...JWT, SESSION_LIMIT: '3', SESSION_IDLE_TIMEOUT: '1d', REDIS_URL: 'redis://h' },
      {
        redis: 'redis://other',
        jwt: { issuer: 'mine' },
        sessions: { limit: 1 },
        guard: { touch: true },
      },
    );
    expect(options).toEqual({
      redis: 'redis://other',
      jwt: { secret: SECRET, issuer: 'mine', audience: ['a'] },
      sessions: { limit: 1, idleTimeout: '1d' },
      guard: { touch: true },
    });
    expect(read(JWT, { jwt: { keys: [{ kid: 'a', secret: OTHER_SECRET }] } }).jwt).toEqual({
      keys: [{ kid: 'a', secret: OTHER_SECRET }],
      issuer: 'i',
      audience: ['a'],
    });
  });

  it('names every variable that is wrong or missing, all at once', () => {
    const wrong = {
      REDIS_PORT: 'six',
      REDIS_DB: '-1',
      REDIS_TLS: 'maybe',
      REDIS_CONNECT_TIMEOUT: '1s',
      REDIS_COMMAND_TIMEOUT: 'fast',
      REDIS_KEY_PREFIX: '{}',
      JWT_SECRET: 'hunter2',
      JWT_ALGORITHM: 'none',
      SESSION_LIMIT: '0:evict',
      SESSION_IDLE_TIMEOUT: '5 parsecs',
      SESSION_REFRESH_KEYS: 'hunter2',
      SESSION_REVOCATION: 'nearby',
      SESSION_MAX_STALENESS: 'soon',
      SESSION_ON_STORE_UNAVAILABLE: 'serve',
      SESSION_KEYSPACE_NOTIFICATIONS: 'si',
      SESSION_MAX_DATA_BYTES: '1.5',
    };
    const issues = issuesOf(wrong);
    expect(Object.keys(issues).sort()).toEqual([...Object.keys(wrong), 'JWT_ISSUER', 'JWT_AUDIENCE'].sort());
    expect(issues['SESSION_REVOCATION']).toMatch(/"local", "remote", "off"/);
    for (const revocation of ['remote', 'off']) {
      const unserved = issuesOf({ ...JWT, SESSION_REVOCATION: revocation, SESSION_ON_STORE_UNAVAILABLE: '1h' });
      expect(unserved).toEqual({ SESSION_ON_STORE_UNAVAILABLE: expect.stringMatching(/revocation "local"/) as string });
    }
    expect(Object.keys(issuesOf({ ...JWT, SESSION_ON_STORE_UNAVAILABLE: '0' }))).toEqual(['SESSION_ON_STORE_UNAVAILABLE']);
  });

  it.each([
    ['redis://:hunter2@h:0', 'REDIS_URL'],
    ['hunter2', 'REDIS_URL'],
  ])('names REDIS_URL for %s', (url, variable) => {
    expect(Object.keys(issuesOf({ ...JWT, REDIS_URL: url }))).toEqual([variable]);
  });

  it('S18 names the variable of the key', () => {
    expect(Object.keys(issuesOf({ JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }))).toEqual(['JWT_SECRET']);
    expect(Object.keys(issuesOf({ ...JWT, JWT_SECRET: 'changeme-changeme-changeme-changeme' }))).toEqual(['JWT_SECRET']);
    expect(Object.keys(issuesOf({ JWT_PRIVATE_KEY: 'hunter2', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }))).toEqual(['JWT_PRIVATE_KEY']);
  });

  it('names a variable once, and hides none behind another', () => {
    expect(Object.keys(issuesOf({ JWT_ALGORITHM: 'none', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }))).toEqual(['JWT_ALGORITHM', 'JWT_SECRET']);
    const { issues } = errorOf({ ...JWT, SESSION_LIMIT: '0:evict' });
    expect(issues).toEqual([{ path: 'SESSION_LIMIT', message: expect.stringMatching(/integer from 1.*; and must be one of/) as string }]);
  });

  it('names the option where an override is wrong', () => {
    expect(Object.keys(issuesOf({ ...JWT, SESSION_IDLE_TIMEOUT: 'soon' }, { sessions: { limit: 0 }, guard: { from: [] } })).sort()).toEqual(
      ['SESSION_IDLE_TIMEOUT', 'guard.from', 'sessions.limit'].sort(),
    );
    expect(Object.keys(issuesOf({ ...JWT, SESSION_LIMIT: '3' }, { sessions: { limit: 0 } }))).toEqual(['sessions.limit']);
  });
});
