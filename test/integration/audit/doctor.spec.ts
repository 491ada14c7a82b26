import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import type { AuditFinding, AuditReport, RedisConnection } from 'nestjs-redis-auth';
import { freePort, startRedis, type StartRedisOptions, type TestRedis } from 'nestjs-redis-auth/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { examine, type Outcome } from '../../../lib/audit/index.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { ask, clientOf } from '../../support/ask.js';
import { type CliOutcome, runHere } from '../../support/cli-process.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { openSessions, TEST_SECRET, testOptions } from '../../support/sessions.js';
import { outerAddress } from '../../support/this-machine.js';
import { expiredCertificate, serverCertificate, testCa, wrongHostCertificate } from '../../support/tls.js';
import { until } from '../../support/until.js';

const PASSWORD = 'p4ss-w0rd-of-the-test';
/** On this machine, where no server of a test listens. */
const NOBODYS_HOST = '127.1.2.3';
const SOUND = ['save "3600 1"', 'maxmemory 100mb'];

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function server(options: StartRedisOptions = {}): Promise<TestRedis> {
  const redis = await startRedis(options);
  stops.push(() => redis.stop());
  return redis;
}

async function findings(redis: RedisConnection, commandTimeout = 500): Promise<Outcome[]> {
  captureLog();
  return examine(resolveOptions(testOptions({ redis, commandTimeout })), undefined, new AbortController().signal);
}

function doctor(args: readonly string[] = [], env: Record<string, string> = {}): Promise<CliOutcome> {
  captureLog();
  return runHere(['doctor', ...args], { env });
}

async function reportFor(env: Record<string, string>, ...args: string[]): Promise<AuditReport & { ok: boolean; redis?: string }> {
  const { code, out } = await doctor(['--json', ...args], env);
  const report = JSON.parse(out) as AuditReport & { ok: boolean };
  expect(code).toBe(report.ok ? 0 : 1);
  return report;
}

const codesOf = ({ findings: found }: Pick<AuditReport, 'findings'>): string[] => found.map(({ code }) => code);

type Row = [name: string, code: string, words: RegExp, redis: () => Promise<RedisConnection>];

const CONNECTIONS: readonly Row[] = [
  ['nothing that listens', 'connection-refused', /nothing listens there; start Redis/, async () => `redis://127.0.0.1:${await freePort()}`],
  ['no such host', 'host-unknown', /host name cannot be resolved; check its spelling/, async () => 'redis://no-such-host.invalid:6379'],
  ['no such socket', 'socket-missing', /there is no such socket/, async () => '/nowhere/redis.sock'],
  [
    'NOAUTH',
    'password-required',
    /NOAUTH.*; give password/,
    async () => `redis://127.0.0.1:${(await server({ password: PASSWORD })).port}`,
  ],
  [
    'WRONGPASS',
    'wrong-credentials',
    /WRONGPASS.*; check the credentials/,
    async () => (await server({ password: PASSWORD })).url.replace(PASSWORD, 'wr0ng'),
  ],
  [
    'no such database',
    'database-missing',
    /set db to one that does/,
    async () => `redis://127.0.0.1:${(await server({ port: 'tcp' })).port}/99`,
  ],
  [
    'an unknown authority',
    'certificate-untrusted',
    /give its authority in tls\.ca/,
    async () => (await server({ tls: serverCertificate })).url,
  ],
  [
    'a certificate for another host',
    'certificate-host',
    /connect by a name that it holds/,
    async () => ({ url: (await server({ tls: wrongHostCertificate })).url, tls: { ca: testCa } }),
  ],
  [
    'an expired certificate',
    'certificate-expired',
    /CERT_HAS_EXPIRED.*; renew it/,
    async () => ({ url: (await server({ tls: expiredCertificate })).url, tls: { ca: expiredCertificate.cert } }),
  ],
  [
    'TLS to a plain port',
    'tls-not-spoken',
    /does not speak TLS there; use redis:\/\//,
    async () => `rediss://127.0.0.1:${(await server({ port: 'tcp' })).port}`,
  ],
  [
    'plain text to a TLS port',
    'tls-required',
    /speaks TLS only; use rediss:\/\//,
    async () => `redis://127.0.0.1:${(await server({ tls: serverCertificate })).port}`,
  ],
  ['what is no Redis', 'not-redis', /what answers there is not Redis/, httpServer],
  ['a load balancer without a server', 'connection-closed', /see what stands between/, closingServer],
  ['a Redis that stands still', 'no-answer', /answers nothing; see whether Redis stands still/, stoppedServer],
  ['a Redis that is loading', 'loading', /it is loading its data; wait/, loadingServer],
  ['as many clients as are allowed', 'too-many-clients', /as many connections as it allows; raise `maxclients`/, fullServer],
  ['a script that goes on for ever', 'busy', /a script keeps it busy/, busyServer],
  [
    'protected mode',
    'protected-mode',
    /protected mode\); set a password there/,
    async () => `redis://${outerAddress()}:${(await server({ port: 'tcp', config: ['bind 0.0.0.0', 'protected-mode yes'] })).port}`,
  ],
  [
    'all Sentinels gone',
    'sentinels-unreachable',
    /no Sentinel can be asked: 127.*nothing listens there/,
    async () => `redis://127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}/mymaster`,
  ],
  [
    'a name that the Sentinels do not know',
    'sentinel-master-unknown',
    /check the name of the master/,
    () => sentinelOf('127.0.0.1', 'other'),
  ],
  [
    'a Redis in place of a Sentinel',
    'not-a-sentinel',
    /is a Redis, not a Sentinel/,
    async () => ({ sentinels: [addressOf(await server({ port: 'tcp' }))], name: 'mymaster' }),
  ],
  [
    'a master that Sentinels announce wrongly',
    'master-unreachable',
    /send us to 127\.1\.2\.3:6379, but nothing listens there; let them announce/,
    () => sentinelOf(NOBODYS_HOST),
  ],
  [
    'a Redis in place of a Cluster',
    'not-a-cluster',
    /give a single host/,
    async () => ({ nodes: [addressOf(await server({ port: 'tcp' }))] }),
  ],
  [
    'a Cluster without slots',
    'cluster-down',
    /not all slots are served/,
    async () => ({ nodes: [addressOf(await server({ port: 'tcp', config: ['cluster-enabled yes'] }))] }),
  ],
  [
    'MOVED to what cannot be reached',
    'cluster-nodes-unreachable',
    /sends us to 127\.1\.2\.3:\d+, but nothing listens there; let its nodes announce/,
    wronglyAnnouncedCluster,
  ],
  [
    'all nodes of a Cluster gone',
    'connection-refused',
    /nothing listens there/,
    async () => `redis://127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}`,
  ],
];

describe('without a connection it tells why and what to do:', () => {
  it.each(CONNECTIONS)('%s: %s', async (_name, code, words, redis) => {
    const found = await findings(await redis());
    expect(found).toEqual([expect.objectContaining({ code, severity: 'error', path: 'redis' })]);
    const [finding] = found as AuditFinding[];
    expect(`${finding?.message}; ${finding?.advice}`).toMatch(words);
    expect(inspect(found)).not.toMatch(/p4ss-w0rd|wr0ng/);
  });
});

describe('with a connection it tells', () => {
  it('nothing of a server that is sound, with 0', async () => {
    const redis = await server({
      config: SOUND,
      port: 'tcp',
      users: [`app on >${PASSWORD} ~auth:* +@read +@write +@connection -@dangerous +time +info`],
    });
    const env = { REDIS_URL: `redis://app:${PASSWORD}@127.0.0.1:${redis.port}`, JWT_SECRET: TEST_SECRET };
    const { code, out, err } = await doctor([], env);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(`Redis at 127.0.0.1:${redis.port}\n\nnot known: no-persistence (CONFIG is not allowed)\n\nNothing is wrong.\n`);
  });

  it('warnings and notes, with 0; among them how much of the database is not ours', async () => {
    const redis = await server();
    await using on = await openSessions({ redis: redis.url, keyPrefix: 'auth:' });
    await on.sessions.create('ann');
    await ask(redis, (client) => client.mset('others', '1', 'keys', '2'));
    const report = await reportFor({ REDIS_URL: redis.url });
    expect(report).toMatchObject({ ok: true, redis: redis.url });
    expect(codesOf(report)).toEqual(['no-persistence', 'default-user', 'no-memory-limit', 'shared-database']);
    expect(report.findings.at(-1)?.message).toMatch(/^2 of \d keys there do not begin as ours do$/);
  });

  it('that other databases are full while ours is empty', async () => {
    const redis = await server({ port: 'tcp', config: SOUND });
    await ask(`redis://127.0.0.1:${redis.port}/3`, (client) => client.set('auth:s:{x}y', '1'));
    expect(codesOf(await reportFor({ REDIS_URL: `redis://127.0.0.1:${redis.port}` }))).toContain('wrong-database');
  });

  it('errors, with 1, in words too', async () => {
    const redis = await server({ config: [...SOUND, 'maxmemory-policy volatile-lru'] });
    const { code, out } = await doctor(['--redis', redis.url]);
    expect(code).toBe(1);
    expect(out).toMatch(/^Redis at .*\n\nerror: eviction-policy\n {2}maxmemory-policy is volatile-lru: .*\n {2}→ set it to noeviction/);
    expect(out).toMatch(/\n1 error, 1 note\. What each means: docs\/audit\.md\.\n$/);
  });

  it('whether so many sessions find room, and whether locks get their replicas', async () => {
    const redis = await server({ config: ['save "3600 1"', 'maxmemory 50mb'] });
    expect(codesOf(await reportFor({ REDIS_URL: redis.url }, '--expect', '10000'))).not.toContain('memory-headroom');
    const report = await reportFor({ REDIS_URL: redis.url }, '--expect', '1000000', '--min-replicas', '2');
    expect(codesOf(report).slice(0, 2)).toEqual(['few-replicas', 'memory-headroom']);
    expect(report.findings[1]?.message).toMatch(/^1,000,000 sessions need 340\.0 MB more than is used now: /);
  });

  it('what the variables set wrongly, secrets first, and looks at Redis all the same', async () => {
    const redis = await server({ config: SOUND, port: 'tcp', password: TEST_SECRET });
    const codes = async (env: Record<string, string>): Promise<string[]> => codesOf(await reportFor({ REDIS_URL: redis.url, ...env }));
    expect(await codes({ JWT_SECRET: 'secret' })).toEqual(['weak-secret', 'default-user']);
    expect(await codes({ JWT_SECRET: 'k3J9'.repeat(9) })).toEqual(['weak-secret', 'default-user']);
    expect(await codes({ JWT_SECRET: TEST_SECRET })).toEqual(['shared-secret', 'default-user']);
    expect(await codes({ REDIS_AUTH_SECRET: TEST_SECRET })).toEqual(['shared-secret', 'default-user']);
    expect(await codes({ JWT_SECRET: `${TEST_SECRET}+`, SESSION_LIMIT: 'many' })).toEqual(['invalid-option', 'default-user']);
    expect(codesOf(await reportFor({ REDIS_URL: 'http://x' }))).toEqual(['invalid-option']);
    const { out } = await doctor(['--json'], { REDIS_URL: redis.url, JWT_SECRET: TEST_SECRET });
    expect(out).not.toContain(TEST_SECRET);
  });

  it.each([
    [['--redis', 'http://x'], /--redis: must begin with/],
    [['--prefix', '{x}'], /--prefix must hold neither/],
    [['--expect', 'many'], /--expect must be a number/],
    [['--min-replicas=-1'], /--min-replicas must be a number/],
    [['--loud'], /--loud/],
  ])('wrong usage with 2: %j', async (args, why) => {
    const { code, out, err } = await doctor(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(why);
  });
});

function addressOf({ port }: TestRedis): { host: string; port: number } {
  return { host: '127.0.0.1', port: port! };
}

async function httpServer(): Promise<string> {
  return listener((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
}

async function closingServer(): Promise<string> {
  const proxy = await FaultProxy.open((await server()).socketPath);
  stops.push(() => proxy.close());
  proxy.acceptThenClose();
  return proxy.url;
}

async function listener(onConnection: (socket: Socket) => void): Promise<string> {
  const listening = createServer(onConnection).listen(0, '127.0.0.1');
  stops.push(() => listening.close());
  await once(listening, 'listening');
  return `redis://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

async function stoppedServer(): Promise<string> {
  const redis = await server({ port: 'tcp' });
  await redis.pause();
  return `redis://127.0.0.1:${redis.port}`;
}

async function loadingServer(): Promise<string> {
  const config = ['enable-debug-command yes', 'key-load-delay 500', 'loading-process-events-interval-bytes 1024'];
  const redis = await server({ port: 'tcp', config });
  await ask(redis, (client) => client.call('DEBUG', 'POPULATE', '20000'));
  const reloaded = ask(redis, (client) => client.call('DEBUG', 'RELOAD')).catch(() => undefined);
  stops.push(async () => {
    await redis.kill();
    await reloaded;
  });
  await until(() => refuses(redis, 'LOADING'));
  return redis.url;
}

function refuses(redis: TestRedis, code: string): Promise<boolean> {
  return ask(redis, (client) => client.ping()).then(
    () => false,
    (error: Error) => error.message.startsWith(code),
  );
}

async function fullServer(): Promise<string> {
  const redis = await server({ port: 'tcp', config: ['maxclients 1'] });
  // the server may not have noticed yet that who looked whether it answers is gone
  await until(async () => {
    const client = clientOf(redis);
    stops.push(() => client.disconnect());
    return client.ping();
  });
  return redis.url;
}

async function busyServer(): Promise<string> {
  const redis = await server({ port: 'tcp', config: ['busy-reply-threshold 10'] });
  const client = clientOf(redis);
  client.eval('while true do end', 0).catch(() => undefined);
  stops.push(() => {
    client.disconnect();
    return redis.kill();
  });
  await until(() => refuses(redis, 'BUSY'));
  return redis.url;
}

async function sentinelOf(master: string, name = 'mymaster'): Promise<RedisConnection> {
  const sentinel = await server({ port: 'tcp', args: ['--sentinel'], config: [`sentinel monitor mymaster ${master} 6379 1`] });
  return { sentinels: [addressOf(sentinel)], name };
}

async function wronglyAnnouncedCluster(): Promise<RedisConnection> {
  const node = await server({ port: 'tcp', config: ['cluster-enabled yes', `cluster-announce-ip ${NOBODYS_HOST}`] });
  await ask(node, (client) => client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383'));
  await until(() => ask(node, (client) => client.call('CLUSTER', 'INFO')).then((info) => String(info).includes('cluster_state:ok')));
  return { nodes: [addressOf(node)] };
}
