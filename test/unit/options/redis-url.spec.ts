import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import { parseRedisUrl, resolveOptions } from '../../../lib/options/index.js';
import { configError, MINIMAL } from './options-fixture.js';

const NODES = [1, 2, 3].map((n) => ({ host: `n${n}`, port: 6379 }));
const SENTINELS = [1, 2, 3].map((n) => ({ host: `s${n}`, port: 26_379 }));

describe('parseRedisUrl', () => {
  it.each([
    ['redis://h:6379', { kind: 'standalone', options: { host: 'h', port: 6379 } }],
    ['redis://h', { kind: 'standalone', options: { host: 'h', port: 6379 } }],
    ['redis://h:6379/', { kind: 'standalone', options: { host: 'h', port: 6379 } }],
    ['redis://:pw@h:6379', { kind: 'standalone', options: { host: 'h', port: 6379, password: 'pw' } }],
    ['redis://user:pw@h:6379/1', { kind: 'standalone', options: { host: 'h', port: 6379, username: 'user', password: 'pw', db: 1 } }],
    ['rediss://user:pw@h:6380', { kind: 'standalone', options: { host: 'h', port: 6380, username: 'user', password: 'pw', tls: {} } }],
    ['/run/redis.sock', { kind: 'standalone', options: { path: '/run/redis.sock' } }],
    ['redis://s1:26379,s2:26379,s3:26379/mymaster', { kind: 'sentinel', options: { sentinels: SENTINELS, name: 'mymaster' } }],
    ['redis://n1:6379,n2:6379,n3:6379', { kind: 'cluster', nodes: NODES, options: { redisOptions: {} } }],
  ])('R1 reads %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it.each([
    ['redis://s1,s2,s3/mymaster', { kind: 'sentinel', options: { sentinels: SENTINELS, name: 'mymaster' } }],
    ['redis://n1,n2,n3/', { kind: 'cluster', nodes: NODES, options: { redisOptions: {} } }],
    ['rediss://u:p@n1,n2,n3', { kind: 'cluster', nodes: NODES, options: { redisOptions: { username: 'u', password: 'p', tls: {} } } }],
    [
      'redis://u:p@s1,s2,s3/my%20master',
      { kind: 'sentinel', options: { username: 'u', password: 'p', sentinels: SENTINELS, name: 'my master' } },
    ],
    ['redis://[::1]:6380/2', { kind: 'standalone', options: { host: '::1', port: 6380, db: 2 } }],
    ['redis://h?family=0', { kind: 'standalone', options: { host: 'h', port: 6379, family: 0 } }],
    ['unix:/run/redis.sock', { kind: 'standalone', options: { path: '/run/redis.sock' } }],
    [
      'unix://u:p%40@/run/redis.sock?db=3',
      { kind: 'standalone', options: { path: '/run/redis.sock', username: 'u', password: 'p@', db: 3 } },
    ],
    ['redis://:p@ss/w#rd?@h', { kind: 'standalone', options: { host: 'h', port: 6379, password: 'p@ss/w#rd?' } }],
    ['REDIS://h', { kind: 'standalone', options: { host: 'h', port: 6379 } }],
    ['RedisS://h', { kind: 'standalone', options: { host: 'h', port: 6379, tls: {} } }],
    ['UNIX:///run/redis.sock?db=1', { kind: 'standalone', options: { path: '/run/redis.sock', db: 1 } }],
    [
      'redis://u:p%40s,s@n1,n2',
      { kind: 'cluster', nodes: NODES.slice(0, 2), options: { redisOptions: { username: 'u', password: 'p@s,s' } } },
    ],
    ['redis://user:a:b@h', { kind: 'standalone', options: { host: 'h', port: 6379, username: 'user', password: 'a:b' } }],
  ])('reads %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it('takes any password, percent-encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1 }), (username, password) => {
        const url = `redis://${encodeURIComponent(username)}:${encodeURIComponent(password)}@h:6379/4`;
        expect(parseRedisUrl(url)).toEqual({ kind: 'standalone', options: { host: 'h', port: 6379, username, password, db: 4 } });
      }),
    );
  });

  it.each([
    ['redis://a,b,c/1', /neither a Cluster .* nor Sentinels/],
    ['redis://h/mymaster', /database number/],
    ['redis://', /names no host/],
    ['redis://:s3cret@', /names no host/],
    ['http://:s3cret@h', /redis:\/\//],
    ['s3cret', /redis:\/\//],
    ['', /redis:\/\//],
    ['redis://:s3cret@h:0', /port/],
    ['redis://:s3cret@h:65536', /port/],
    ['redis://:s3cret@h:six', /port/],
    ['redis://:s3cret@a,,c', /host 2 of 3/],
    ['redis://u:s3cret@n1:6379,u:s3cret@n2:6379', /write the credentials once, before the first host/],
    ['redis://u:s3cret@s1,u:s3cret@s2,u:s3cret@s3/mymaster', /write the credentials once, before the first host/],
    ['redis://:s3@cr,et@h', /%40/],
    ['redis://s3cret@h', /without a password/],
    ['redis://s3cret:@h', /without a password/],
    ['redis://:s3cret%zz@h', /percent-encoded/],
    ['redis://:s3cret@h?tls=true', /\?/],
    ['unix://host/run/redis.sock', /socket/],
    ['redis://h/-1', /database number/],
    ['redis://h/1.5', /database number/],
  ])('refuses %s, saying why without quoting it', (url, message) => {
    const thrown = (() => {
      try {
        return parseRedisUrl(url);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(RedisAuthConfigError);
    expect((thrown as RedisAuthConfigError).issues).toEqual([{ path: 'redis', message: expect.stringMatching(message) as string }]);
    expect(inspect(thrown, { depth: 10 }).split('\n    at ')[0]).not.toContain('s3cret');
  });
});

describe('the redis option', () => {
  const resolve = (redis: unknown) => resolveOptions({ ...MINIMAL, redis: redis as never }).redis;

  it('is localhost when left out', () => {
    expect(resolve(undefined)).toEqual({ kind: 'standalone', options: { host: 'localhost', port: 6379 } });
  });

  it('leaves out what is undefined', () => {
    const { options } = resolve({ host: 'h', connectTimeout: undefined, tls: undefined, retryStrategy: null }) as { options: object };
    expect(Object.entries(options)).toEqual([
      ['host', 'h'],
      ['retryStrategy', null],
    ]);
  });

  it('prefers the url to host, port and path, and keeps the rest', () => {
    expect(resolve({ url: 'redis://h:6380', host: 'x', port: 1, path: '/x.sock', db: 2, connectTimeout: 500 })).toEqual({
      kind: 'standalone',
      options: { host: 'h', port: 6380, db: 2, connectTimeout: 500 },
    });
  });

  it('hands what stands beside the url of a Cluster to its nodes', () => {
    expect(resolve({ url: 'rediss://:p@n1,n2,n3', connectTimeout: 500, tls: { ca: 'CA' } })).toEqual({
      kind: 'cluster',
      nodes: NODES,
      options: { redisOptions: { password: 'p', connectTimeout: 500, tls: { ca: 'CA' } } },
    });
  });

  it.each([
    ['a url', 'rediss://s1,s2,s3/m', {}],
    ['a url with tls beside it', { url: 'rediss://s1,s2,s3/m', tls: { ca: 'CA' } }, { ca: 'CA' }],
    ['a list of sentinels with tls', { sentinels: SENTINELS, name: 'm', tls: { ca: 'CA' } }, { ca: 'CA' }],
  ])('encrypts the links to Sentinels and to data nodes alike, by %s', (_, redis, tls) => {
    expect(resolve(redis)).toEqual({
      kind: 'sentinel',
      options: { sentinels: SENTINELS, name: 'm', tls, sentinelTLS: tls, enableTLSForSentinelMode: true },
    });
  });

  it('takes a Cluster by its nodes and keeps the options of ioredis', () => {
    const options = { scaleReads: 'master', redisOptions: { password: 'p' } };
    expect(resolve({ nodes: NODES, options })).toEqual({ kind: 'cluster', nodes: NODES, options });
  });

  it.each([
    [{ host: 'h', keyPrefix: 'x' }, 'redis.keyPrefix'],
    [{ url: 'redis://h', keyPrefix: 'x' }, 'redis.keyPrefix'],
    [{ sentinels: SENTINELS, name: 'm', keyPrefix: 'x' }, 'redis.keyPrefix'],
    [{ nodes: NODES, options: { keyPrefix: 'x' } }, 'redis.options.keyPrefix'],
    [{ nodes: NODES, options: { redisOptions: { keyPrefix: 'x' } } }, 'redis.options.redisOptions.keyPrefix'],
    [{ nodes: NODES, options: { redisOptions: { db: 1 } } }, 'redis.options.redisOptions.db'],
    [{ url: 'redis://n1,n2,n3', db: 1 }, 'redis.db'],
    [{ url: 'http://h' }, 'redis.url'],
    [{ url: 5 }, 'redis.url'],
    [{ host: '' }, 'redis.host'],
    [{ hots: 'h' }, 'redis.hots'],
    [{ port: '6379' }, 'redis.port'],
    [{ db: -1 }, 'redis.db'],
    [{ tls: true }, 'redis.tls'],
    [{ username: 'u' }, 'redis.password'],
    [{ nodes: NODES, options: { redisOptions: { username: 'u' } } }, 'redis.options.redisOptions.password'],
    [{ password: 5 }, 'redis.password'],
    [{ connectTimeout: 0 }, 'redis.connectTimeout'],
    [{ nodes: [] }, 'redis.nodes'],
    [{ nodes: [{ host: 'h' }] }, 'redis.nodes'],
    [{ sentinels: SENTINELS }, 'redis.name'],
    [{ sentinels: [{ port: 1 }], name: 'm' }, 'redis.sentinels'],
    [{ client: {} }, 'redis.client'],
    [{ client: undefined }, 'redis.client'],
    [5, 'redis'],
    [[], 'redis'],
  ])('refuses %j at %s', (redis, path) => {
    const { issues } = configError({ ...MINIMAL, redis });
    expect(issues.map((issue) => issue.path)).toEqual([path]);
  });

  it.each([
    [{ url: 'http://x', username: 'u' }, ['redis.url', 'redis.password']],
    [{ url: 5, username: 'u' }, ['redis.url', 'redis.password']],
    [{ url: 'http://x', username: 'u', password: 'p' }, ['redis.url']],
    // The password may be in what could not be read.
    [{ url: 'redis://:s3cret@h:0', username: 'u' }, ['redis.url']],
    [{ username: 'u', password: 0 }, ['redis.password']],
  ])('refuses %j at each of %j', (redis, paths) => {
    const { issues } = configError({ ...MINIMAL, redis });
    expect(issues.map((issue) => issue.path)).toEqual(paths);
  });
});
