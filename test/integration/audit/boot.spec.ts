import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { DynamicModule, INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { RedisAuthConfigError, RedisAuthConnection, RedisAuthModule, type RedisAuthModuleOptions } from 'nestjs-redis-auth';
import { startRedis, type StartRedisOptions, type TestRedis } from 'nestjs-redis-auth/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { checkServers } from '../../../lib/audit/audit.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { ask } from '../../support/ask.js';
import { captureLog, ConnectionUnderTest } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { TEST_SECRET, testOptions } from '../../support/sessions.js';
import { settledIn } from '../../support/settled-in.js';
import { shiftedClock } from '../../support/shifted-clock.js';
import { outerAddress } from '../../support/this-machine.js';
import { serverCertificate, testCa } from '../../support/tls.js';
import { until } from '../../support/until.js';

const PASSWORD = 'p4ss-w0rd-of-the-test';
const OTHER_SECRET = 'Zb8Xn3Qe6Wt1Yr9Uo4Ip7As2Dk5Fl0GhMv';
/** What a server of tests lacks. */
const SOUND = ['save "3600 1"', 'maxmemory 100mb'];
/** As the README has it. */
const LEAST = `app on >${PASSWORD} ~auth:* &auth:events* +@read +@write +@scripting +@connection +@pubsub +time -@dangerous +info`;
const asApp = (port: number | undefined): string => `redis://app:${PASSWORD}@127.0.0.1:${port}`;

type Options = Parameters<typeof testOptions>[0];

class App {}

const apps: INestApplicationContext[] = [];
let redis: TestRedis;
afterEach(async () => {
  await closeApps();
  await redis.stop();
});

async function closeApps(): Promise<void> {
  await Promise.all(apps.splice(0).map((app) => app.close()));
}

/** Boots an application with a registration for each of the options; what the audit said, line by line, and the error that stopped it. */
async function boot(...registrations: Options[]): Promise<{ lines: string[]; codes: string[]; error: RedisAuthConfigError | undefined }> {
  const log = captureLog();
  const imports = registrations.map((options, n) =>
    RedisAuthModule.forRoot({ ...testOptions(options), ...(n > 0 && { instance: `instance${n}` }) } as RedisAuthModuleOptions),
  );
  let error: RedisAuthConfigError | undefined;
  try {
    await start(...imports);
  } catch (caught) {
    if (!(caught instanceof RedisAuthConfigError)) throw caught;
    error = caught;
  }
  const lines = auditLines(log);
  return { lines, codes: lines.flatMap(codesIn), error };
}

async function start(...imports: DynamicModule[]): Promise<void> {
  apps.push(await NestFactory.createApplicationContext({ module: App, imports }, { abortOnError: false }));
}

function auditLines(log: readonly string[]): string[] {
  return log.filter((line) => line.endsWith('RedisAuthAudit'));
}

function codesIn(line: string): string[] {
  return line
    .replace(/^\w+: /, '')
    .split(' | ')
    .slice(0, -1)
    .map((finding) => finding.split(': ')[0]!);
}

/** What is wrong; the server, the options, and whether `enforce` refuses. */
type Row = [name: string, code: string, refuses: boolean, server: StartRedisOptions, options: (server: TestRedis) => Options];

const REMOTE = { port: 'tcp', config: [...SOUND, 'bind 0.0.0.0'] } as const;
const bySocket = ({ socketPath }: TestRedis): Options => ({ redis: socketPath });
const byAddress = ({ port }: TestRedis, password = ''): string => `redis://${password && `:${password}@`}${outerAddress()}:${port}`;

const ROWS: readonly Row[] = [
  ['an eviction policy', 'eviction-policy', true, { config: [...SOUND, 'maxmemory-policy allkeys-lru'] }, bySocket],
  [
    'an eviction policy for keys with a TTL, which ours have',
    'eviction-policy',
    true,
    { config: [...SOUND, 'maxmemory-policy volatile-ttl'] },
    bySocket,
  ],
  ['nothing on disk', 'no-persistence', false, {}, bySocket],
  [
    'fewer replicas than locks need',
    'few-replicas',
    true,
    { config: SOUND },
    ({ socketPath }) => ({ redis: socketPath, locks: { minReplicas: 1 } }),
  ],
  ['a replica in place of its master', 'not-a-master', true, { config: [...SOUND, 'replicaof 127.0.0.1 1'] }, bySocket],
  [
    'plain text to another host',
    'plaintext',
    true,
    { ...REMOTE, password: PASSWORD },
    (server) => ({ redis: byAddress(server, PASSWORD) }),
  ],
  ['no password', 'default-user', true, REMOTE, (server) => ({ redis: byAddress(server) })],
  ['the default user', 'default-user', false, { ...REMOTE, password: PASSWORD }, (server) => ({ redis: byAddress(server, PASSWORD) })],
  [
    'a certificate that is not checked',
    'tls-unverified',
    false,
    { ...REMOTE, password: PASSWORD, tls: serverCertificate },
    ({ port }) => ({ redis: { host: outerAddress(), port: port!, password: PASSWORD, tls: { rejectUnauthorized: false } } }),
  ],
  [
    'a user with every right',
    'broad-acl',
    false,
    { config: SOUND, users: [`app on >${PASSWORD} ~* &* +@all`] },
    ({ port }) => ({ redis: asApp(port) }),
  ],
  [
    'a user with every key',
    'broad-acl',
    false,
    { config: SOUND, users: [LEAST.replace('~auth:*', '~*')] },
    ({ port }) => ({ redis: asApp(port) }),
  ],
  [
    'a user with rights of an administrator in a selector',
    'broad-acl',
    false,
    { config: SOUND, users: [`${LEAST} (+@admin ~auth:*)`] },
    ({ port }) => ({ redis: asApp(port) }),
  ],
  ['a password of tutorials', 'weak-redis-password', false, { config: SOUND, password: 'password123' }, ({ url }) => ({ redis: url })],
  [
    'a password of tutorials over a network',
    'weak-redis-password',
    true,
    { ...REMOTE, password: 'redis' },
    (server) => ({ redis: byAddress(server, 'redis') }),
  ],
  [
    'an option that undoes the profile',
    'profile-overridden',
    true,
    { config: SOUND },
    ({ socketPath }) => ({ redis: { path: socketPath, maxRetriesPerRequest: 20, enableOfflineQueue: true, db: 0 } }),
  ],
  [
    'a secret that repeats itself',
    'weak-secret',
    true,
    { config: SOUND },
    ({ socketPath }) => ({ redis: socketPath, jwt: { secret: 'k3J9'.repeat(9) } }),
  ],
  [
    'a secret of words',
    'weak-secret',
    false,
    { config: SOUND },
    ({ socketPath }) => ({ redis: socketPath, jwt: { secret: 'our-company-production-signing-key-2026' } }),
  ],
  [
    'an encryption key of zeros',
    'weak-secret',
    true,
    { config: SOUND },
    ({ socketPath }) => ({ redis: socketPath, oauth: { encryption: { keys: [{ id: 'a', key: Buffer.alloc(32) }] } } }),
  ],
  [
    'one secret that signs and encrypts',
    'shared-secret',
    true,
    { config: SOUND },
    ({ socketPath }) => ({ redis: socketPath, oauth: { encryption: { keys: [{ id: 'a', key: TEST_SECRET }] } } }),
  ],
  [
    'the password of Redis as a secret',
    'shared-secret',
    true,
    { config: SOUND, password: OTHER_SECRET },
    ({ url }) => ({ redis: url, sessions: { refreshKeys: [{ kid: 'a', secret: OTHER_SECRET }] } }),
  ],
  [
    'cookies by plain http',
    'cookie-insecure-origin',
    false,
    { config: SOUND },
    ({ socketPath }) => ({ redis: socketPath, guard: { from: ['cookie'] }, jwt: { issuer: 'http://app.example.com' } }),
  ],
];

describe('a misconfiguration is found at boot, in one line of the log;', () => {
  it.each(ROWS)('%s: %s', async (_name, code, refuses, server, options) => {
    redis = await startRedis(server);
    const warned = await boot({ audit: 'warn', ...options(redis) });
    expect(warned.error).toBeUndefined();
    expect(warned.lines).toEqual([expect.stringMatching(/^warn: .* \| see docs\/audit\.md RedisAuthAudit$/)]);
    expect(warned.codes).toContain(code);
    await closeApps();

    const enforced = await boot({ audit: 'enforce', ...options(redis) });
    const named = enforced.error?.issues.filter(({ message }) => message.includes(`(${code})`)) ?? [];
    expect(named.length > 0).toBe(refuses);
    for (const { path } of named) expect(path).toMatch(/^(redis|jwt|locks|sessions|oauth)\b/);
    for (const text of [inspect(enforced.error, { depth: 10 }), ...warned.lines])
      expect(text).not.toMatch(/p4ss-w0rd|Zb8Xn3Qe|q7Zr-tests|k3J9|our-company/);
  });

  it('snapshots that fail: persistence-failing', async () => {
    redis = await startRedis({ config: [...SOUND, 'enable-protected-configs yes'] });
    const directory = await mkdtemp(join(tmpdir(), 'gone-'));
    await ask(redis, (client) => client.config('SET', 'dir', directory));
    await rm(directory, { recursive: true });
    await ask(redis, (client) => client.bgsave());
    await until(async () => (await ask(redis, (client) => client.info('persistence'))).includes('rdb_last_bgsave_status:err'));
    expect((await boot({ redis: redis.socketPath })).codes).toContain('persistence-failing');
  });

  it.each([
    ['ahead of', -60_000],
    ['behind', 60_000],
  ])('a clock of Redis that is %s ours: clock-difference', async (word, ms) => {
    redis = await startRedis({ config: SOUND });
    using _clock = shiftedClock(ms);
    const { lines, codes } = await boot({ redis: redis.socketPath });
    expect(codes).toEqual(['clock-difference']);
    expect(lines[0]).toMatch(new RegExp(`is (59|60)\\.\\d s ${word} that of this machine`));
  });

  it('little memory left: memory-headroom', async () => {
    redis = await startRedis({ config: SOUND });
    await ask(redis, async (client) => {
      const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
      await client.config('SET', 'maxmemory', Math.round(used * 1.1));
    });
    const { lines, codes } = await boot({ redis: redis.socketPath });
    expect(codes).toEqual(['memory-headroom']);
    expect(lines[0]).toMatch(/% are used: .* MB of .* MB are used, which leaves room for some [\d,]+ more sessions/);
  });

  it('one secret and one cookie for two instances: shared-secret, cookie-name-shared, told by the second', async () => {
    redis = await startRedis({ config: SOUND });
    const options = { redis: redis.socketPath, guard: { from: ['cookie' as const] } };
    const { lines, codes } = await boot(options, options);
    expect(lines).toHaveLength(1);
    expect(codes).toEqual(['shared-secret', 'cookie-name-shared']);
    expect(lines[0]).toContain('jwt.secret is the same as jwt.secret of the instance "default"');
    const apart = { ...options, jwt: { secret: OTHER_SECRET }, guard: { ...options.guard, cookie: { name: 'admin' } } };
    await closeApps();
    expect((await boot(options, apart)).lines).toEqual([]);
  });
});

describe('no false alarm:', () => {
  it('nothing is said of a sound server, nor of a developer’s own on this machine', async () => {
    redis = await startRedis({ port: 'tcp', config: ['save "3600 1"'] });
    expect(await boot({ redis: redis.url, audit: 'enforce' })).toEqual({ lines: [], codes: [], error: undefined });
  });

  it('a user with the rights of the README is enough, and is found to be right', async () => {
    redis = await startRedis({ config: SOUND, users: [LEAST] });
    const { lines, error } = await boot({ redis: asApp(redis.port), keyPrefix: 'auth:', audit: 'enforce' });
    expect({ lines, error }).toEqual({ lines: [], error: undefined });
    const refused = await ask(redis, (client) => client.call('ACL', 'LOG'));
    const commands = [...String(refused).matchAll(/object,([^,]+),/g)].map(([, command]) => command);
    expect(commands.sort()).toEqual(['?', 'acl|getuser', 'config|get']);
  });

  it('a user who may not use INFO either is served; what cannot be known is no finding', async () => {
    redis = await startRedis({ config: SOUND, users: [`${LEAST} -info`] });
    expect(await boot({ redis: asApp(redis.port), keyPrefix: 'auth:', audit: 'enforce' })).toEqual({
      lines: [],
      codes: [],
      error: undefined,
    });
  });

  it.each([
    ['by names that are taken away', ['rename-command CONFIG ""', 'rename-command ACL ""']],
    ['with ACL GETUSER left', ['rename-command CONFIG ""']],
  ])('a managed Redis without CONFIG, with nothing on disk, its default user by TLS (%s)', async (_how, renamed) => {
    redis = await startRedis({
      ...REMOTE,
      password: PASSWORD,
      tls: serverCertificate,
      config: ['maxmemory 100mb', 'bind 0.0.0.0', ...renamed],
    });
    const tls = { ca: testCa, servername: 'localhost' };
    const options = { host: outerAddress(), port: redis.port!, password: PASSWORD, tls };
    expect(await boot({ redis: options, audit: 'enforce' })).toEqual({ lines: [], codes: [], error: undefined });
    await closeApps();
    // the same, where it is wrong
    await redis.stop();
    redis = await startRedis({ config: ['maxmemory 100mb', 'maxmemory-policy volatile-lru', ...renamed] });
    expect((await boot({ redis: redis.socketPath })).codes).toEqual(['eviction-policy']);
  });

  it.each([2, 3] as const)('the application’s own client speaks RESP%d, with numbers as text', async (protocol) => {
    redis = await startRedis({ config: SOUND, users: [`app on >${PASSWORD} ~* &* +@all`] });
    const client = new Redis({ port: redis.port!, username: 'app', password: PASSWORD, protocol, stringNumbers: true });
    try {
      expect((await boot({ redis: { client } })).codes).toEqual(['broad-acl']);
    } finally {
      client.disconnect();
    }
  });
});

describe('the boot', () => {
  it('is kept waiting for one round trip', async () => {
    redis = await startRedis();
    await using proxy = await FaultProxy.open(redis.socketPath);
    await using connection = await ConnectionUnderTest.open(proxy.url, { commandTimeoutMs: 5_000 });
    proxy.delay = 400;
    const began = performance.now();
    const { ms, result } = await settledIn(() => checkServers(connection, resolveOptions(testOptions({ redis: proxy.url }))));
    expect(result?.length).toBeGreaterThan(0);
    expect(performance.now() - began).toBeGreaterThan(600);
    expect(ms).toBeLessThan(2 * 2 * 400);
  });

  it('asks five things at most, and nothing with `audit: "off"`', async () => {
    redis = await startRedis({ port: 'tcp' });
    const asked = async (options: Options): Promise<number[]> => {
      await using proxy = await FaultProxy.open(redis.url);
      await boot({ redis: proxy.url, ...options });
      await closeApps();
      return ['CONFIG', 'ACL', 'TIME', 'INFO'].map((name) => proxy.commands.get(name) ?? 0);
    };
    const [config, acl, time, info] = await asked({ audit: 'off' });
    expect([config, acl]).toEqual([0, 0]);
    expect(await asked({ audit: 'warn' })).toEqual([1, 1, time! + 1, info! + 1]);
  });

  it('goes on with Redis down, also where the audit enforces: what is found later is one error of the log', async () => {
    redis = await startRedis({ config: [...SOUND, 'maxmemory-policy allkeys-lru'] });
    await using proxy = await FaultProxy.open(redis.url);
    await proxy.refuse();
    const log = captureLog();
    await start(RedisAuthModule.forRoot(testOptions({ redis: proxy.url, audit: 'enforce' })));
    expect(auditLines(log)).toEqual([]);
    await proxy.heal();
    await until(() => auditLines(log).length > 0);
    let ready = 0;
    apps[0]!.get(RedisAuthConnection).on('ready', () => (ready += 1));
    await until(() => ready >= 1, { what: 'it is told that it is ready' });
    const before = ready;
    await proxy.refuse();
    await proxy.heal();
    await until(() => ready > before, { what: 'it is ready again' });
    expect(auditLines(log)).toEqual([expect.stringMatching(/^error: eviction-policy: /)]);
  });

  it.each([
    ['plain text to a port for TLS', { tls: serverCertificate }, 'redis', /it speaks TLS only; use rediss:\/\/, or set redis\.tls/],
    ['TLS to a port for plain text', { port: 'tcp' }, 'rediss', /it does not speak TLS there; use redis:\/\//],
  ] as const)('goes on and tells what the driver does not know: %s', async (_name, server, scheme, words) => {
    redis = await startRedis(server);
    const log = captureLog();
    await start(RedisAuthModule.forRoot(testOptions({ redis: `${scheme}://127.0.0.1:${redis.port}`, commandTimeout: 200 })));
    await until(() => auditLines(log).length > 0);
    expect(auditLines(log)).toEqual([expect.stringMatching(words)]);
  });

  it('leaves nothing open that looked for the reason, when the application is closed meanwhile', async () => {
    redis = await startRedis();
    await using proxy = await FaultProxy.open(redis.socketPath);
    proxy.silence();
    captureLog();
    await start(RedisAuthModule.forRoot(testOptions({ redis: proxy.url, commandTimeout: 100 })));
    // that of the application, and one that asks what is wrong
    await until(() => proxy.connections > 1);
    await closeApps();
    await until(() => proxy.openConnections === 0, { within: 800 });
  });

  it('is refused for options alone with Redis down, where the audit enforces', async () => {
    redis = await startRedis();
    const { error } = await boot({ redis: { path: '/nowhere/redis.sock', maxRetriesPerRequest: 20 }, audit: 'enforce' });
    expect(error?.issues).toEqual([{ path: 'redis.maxRetriesPerRequest', message: expect.stringMatching(/profile-overridden/) as string }]);
  });

  it('is held up no longer than commandTimeout by a Redis that stops answering in the middle of it', async () => {
    redis = await startRedis({ port: 'tcp', config: SOUND });
    await using proxy = await FaultProxy.open(redis.url);
    const lost = proxy.dropNextReply(([name]) => name?.toLowerCase() === 'config');
    const { lines, error } = await boot({ redis: proxy.url, audit: 'enforce', commandTimeout: 500 });
    await lost;
    expect({ lines, error }).toEqual({ lines: [], error: undefined });
  });

  it('leaves no connection behind where the audit refuses it', async () => {
    redis = await startRedis();
    expect((await boot({ redis: redis.socketPath, audit: 'enforce', locks: { minReplicas: 2 } })).error).toBeInstanceOf(
      RedisAuthConfigError,
    );
    const clients = (): Promise<number> =>
      ask(
        redis,
        async (client) =>
          String(await client.client('LIST'))
            .trim()
            .split('\n').length,
      );
    await until(async () => (await clients()) === 1, { what: 'who asks is alone' });
  });
});
