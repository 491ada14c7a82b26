import { describe, expect, it } from 'vitest';
import { checkOptions, reportOf } from '../../../lib/audit/index.js';
import { type RedisAuthModuleOptions, resolveOptions } from '../../../lib/options/index.js';
import { explainTrouble } from '../../../lib/redis/index.js';
import { testOptions } from '../../support/sessions.js';

const error = (message: string, code?: string): Error => Object.assign(new Error(message), code === undefined ? {} : { code });

describe('an error of the driver', () => {
  it.each<[Error, code: string | undefined, isRefusal: boolean]>([
    [error('connect EHOSTUNREACH 10.0.0.1:6379', 'EHOSTUNREACH'), 'host-unreachable', false],
    [error('connect EACCES /run/redis.sock', 'EACCES'), 'socket-denied', false],
    [error('getaddrinfo EAI_AGAIN redis', 'EAI_AGAIN'), 'host-unknown', false],
    // Of several addresses that all failed.
    [error('ECONNREFUSED', 'ECONNREFUSED'), 'connection-refused', false],
    [error("NOPERM this user has no permissions to run the 'select' command"), 'database-denied', true],
    [error("NOPERM this user has no permissions to run the 'evalsha' command"), 'permission-missing', true],
    [error('this server is too old: Redis 6.2'), 'server-version', true],
    [error('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'certificate-untrusted', true],
    [error('certificate has expired', 'CERT_HAS_EXPIRED'), 'certificate-expired', true],
    [error('alert certificate required', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'tls-failed', true],
    [error('wrong version number', 'ERR_SSL_WRONG_VERSION_NUMBER'), 'tls-not-spoken', false],
    [error('LOADING Redis is loading the dataset in memory'), 'loading', false],
    [error('BUSY Redis is busy running a script.'), 'busy', false],
    [error('CLUSTERDOWN Hash slot not served'), 'cluster-down', false],
    [error('no answer within 1000 ms'), undefined, false],
  ])('%s means %s', (given, code, isRefusal) => {
    const trouble = explainTrouble(given);
    expect(trouble?.code).toBe(code);
    expect(trouble?.isRefusal ?? false).toBe(isRefusal);
    if (trouble !== undefined) expect(trouble.advice).not.toBe('');
  });
});

describe('the options alone', () => {
  const codes = (options: Partial<Omit<RedisAuthModuleOptions, 'jwt'>> & { jwt?: Partial<RedisAuthModuleOptions['jwt']> }): string[] =>
    reportOf(checkOptions(resolveOptions(testOptions(options)), [])).findings.map(({ code }) => code);

  it.each([
    [{}, []],
    [{ guard: { from: ['bearer', 'cookie'] } }, ['cookie-size']],
    [{ guard: { from: ['cookie'] }, sessions: { maxClaimsBytes: 2_500 } }, []],
    [{ guard: { from: ['cookie'] }, sessions: { maxClaimsBytes: 2_500 }, jwt: { issuer: 'http://localhost:3000' } }, []],
    [{ jwt: { issuer: 'http://app.example.com' } }, []],
    [{ redis: 'redis://s1,s2/mymaster' }, ['plaintext']],
    [{ redis: 'rediss://s1,s2/mymaster' }, []],
    [{ redis: 'redis://127.0.0.1,localhost/mymaster' }, []],
    [{ redis: { nodes: [{ host: 'a', port: 1 }], options: { retryDelayOnFailover: 100 } } }, ['profile-overridden']],
    [{ redis: { nodes: [{ host: 'a', port: 1 }], options: { redisOptions: { commandTimeout: 60_000 } } } }, ['profile-overridden']],
    [{ redis: { host: 'a', maxRetriesPerRequest: 0, protocol: 3, connectTimeout: 700 } }, []],
    [{ redis: { host: 'a', lazyConnect: true, stringNumbers: true } }, ['profile-overridden']],
    [{ redis: { host: 'a', lazyConnect: true, replyMapping: 'legacy', stringNumbers: false } }, []],
    [{ jwt: { secret: '3f2b9c4e-8a51-4d7e-9b0a-6c1d2e3f4a5b' } }, []],
    [{ jwt: { secret: 'correct horse battery staple and more' } }, ['weak-secret']],
  ] as const)('%j: %j', (options, expected) => {
    expect(codes(options as Parameters<typeof codes>[0])).toEqual(expected);
  });

  it.each<[RedisAuthModuleOptions['redis'], string[]]>([
    [
      { host: 'a', lazyConnect: false, replyMapping: 'resp3', stringNumbers: true, maxRetriesPerRequest: 20 } as never,
      ['error redis.maxRetriesPerRequest', 'warning redis.lazyConnect', 'warning redis.replyMapping', 'warning redis.stringNumbers'],
    ],
    [{ sentinels: [{ host: '127.0.0.1', port: 1 }], name: 'm', stringNumbers: true }, ['warning redis.stringNumbers']],
    [
      { nodes: [{ host: 'a', port: 1 }], options: { lazyConnect: false, redisOptions: { stringNumbers: true } } },
      ['warning redis.options.lazyConnect', 'warning redis.options.redisOptions.stringNumbers'],
    ],
  ])('tells what of %j undoes the profile, and what has no effect', (given, expected) => {
    const { findings } = reportOf(checkOptions(resolveOptions(testOptions({ redis: given! })), []));
    expect(findings.map(({ severity, path }) => `${severity} ${path}`)).toEqual(expected);
    for (const { severity, message } of findings) expect(message).toMatch(severity === 'error' ? /^overrides/ : /^has no effect/);
  });
});
