import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkServers } from '../../lib/audit/audit.js';
import { reportOf } from '../../lib/audit/index.js';
import { RedisAuthConfigError, StoreUnavailableError } from '../../lib/errors/index.js';
import { resolveOptions } from '../../lib/options/index.js';
import { Script } from '../../lib/redis/index.js';
import { startRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { ClusterSetup } from '../support/cluster.js';
import { captureLog, ConnectionUnderTest, PATIENT, rejection } from '../support/open-connection.js';
import { testOptions } from '../support/sessions.js';
import { serverCertificate, testCa } from '../support/tls.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';

const DEADLINE_MS = 500;
const PASSWORD = 'of-every-node';
/** One in a slot of each master. */
const KEYS = ['b', 'c', 'a'] as const;

let setup: ClusterSetup;
let log: string[];
beforeAll(async () => {
  log = captureLog();
  setup = await ClusterSetup.start({ password: PASSWORD });
});
afterAll(() => setup.stop());

function open(): Promise<ConnectionUnderTest> {
  return ConnectionUnderTest.open(setup.url, { commandTimeoutMs: DEADLINE_MS });
}

function increment(connection: ConnectionUnderTest, key: string): Promise<number> {
  return connection.execute('increment', (client) => client.incr(key));
}

describe('a Cluster', () => {
  it('is used in all its slots from the first call on', async () => {
    expect(new Set(await Promise.all(KEYS.map((key) => setup.masterOf(key)))).size).toBe(3);
    await using connection = await ConnectionUnderTest.open(setup.url, PATIENT);
    const counts = await Promise.all(KEYS.flatMap((key) => [increment(connection, key), increment(connection, key)]));
    expect(counts).toEqual([1, 2, 1, 2, 1, 2]);
    expect(connection.seen).toEqual(['connected', 'ready']);
  });

  it('J13 answers ping and info, and counts the keys of all its masters', async () => {
    await using connection = await ConnectionUnderTest.open(setup.url, PATIENT);
    expect(await connection.ping()).toBe('PONG');
    expect(await connection.info('server')).toContain('redis_mode:cluster');
    await Promise.all(KEYS.map((key) => connection.execute('set', (client) => client.set(`{${key}}k`, 'v'))));
    const sizes = await Promise.all(setup.nodes.slice(0, 3).map((node) => ask(node, (client) => client.dbsize())));
    expect(await connection.dbSize()).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  it('is audited on each of its masters, in one round trip each', async () => {
    await using connection = await ConnectionUnderTest.open(setup.url, PATIENT);
    const lax = await setup.masterOf('b');
    await ask(lax, (client) => client.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    try {
      const outcomes = await checkServers(connection, resolveOptions(testOptions({ redis: setup.url, locks: { minReplicas: 1 } })));
      const found = reportOf(outcomes).findings.filter(({ severity }) => severity === 'error');
      expect(found).toEqual([
        expect.objectContaining({
          code: 'eviction-policy',
          message: expect.stringMatching(`\\(at 127\\.0\\.0\\.1:${lax.port}\\)$`) as string,
        }),
      ]);
    } finally {
      await ask(lax, (client) => client.config('SET', 'maxmemory-policy', 'noeviction'));
    }
  });

  it('runs scripts that a node has forgotten', async () => {
    await using connection = await ConnectionUnderTest.open(setup.url, PATIENT);
    const script = new Script<number>("return redis.call('INCR', KEYS[1])");
    const run = (key: string): Promise<number> => connection.execute('run', (client) => script.run(client, [key], []));
    await Promise.all(KEYS.map((key) => run(`{${key}}script`)));
    await Promise.all(setup.nodes.slice(0, 3).map((node) => ask(node, (client) => client.script('FLUSH'))));
    expect(await Promise.all(KEYS.map((key) => run(`{${key}}script`)))).toEqual([2, 2, 2]);
  });

  it('S20 that wants another password stops the boot', async () => {
    const { error } = await rejection(() => ConnectionUnderTest.open(setup.url.replace(PASSWORD, 'wrong'), PATIENT));
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(error.message).toMatch(/redis: cluster 127\.0\.0\.1:.*password is wrong/);
    expect(error.message + log.join()).not.toContain(PASSWORD);
  });

  it('S20 of nodes whose certificate is not trusted stops the boot', async () => {
    await using node = await startRedis({ tls: serverCertificate, config: ['cluster-enabled yes'] });
    const nodes = [{ host: '127.0.0.1', port: node.port! }];
    const untrusted = await rejection(() => ConnectionUnderTest.open({ nodes, options: { redisOptions: { tls: {} } } }, PATIENT));
    expect(untrusted.error).toBeInstanceOf(RedisAuthConfigError);
    expect(untrusted.error.message).toMatch(/certificate is not trusted/);
  });

  it('works by TLS', async () => {
    await using node = await startRedis({
      tls: serverCertificate,
      config: ['cluster-enabled yes', 'tls-cluster yes', 'cluster-announce-ip 127.0.0.1'],
    });
    await ask(node, (client) => client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383'));
    await until(() => ask(node, (client) => client.call('CLUSTER', 'INFO')).then((info) => String(info).includes('cluster_state:ok')));
    const nodes = [{ host: '127.0.0.1', port: node.port! }];
    await using connection = await ConnectionUnderTest.open({ nodes, options: { redisOptions: { tls: { ca: testCa } } } }, PATIENT);
    expect(await increment(connection, 'k')).toBe(1);
  });

  it('S19 J15 by a client of the application is left open', async () => {
    const client = new Cluster(setup.addresses.slice(0, 2), { redisOptions: { password: PASSWORD } });
    try {
      const connection = await ConnectionUnderTest.open({ client }, PATIENT);
      expect(connection.client).toBe(client);
      expect(await increment(connection, 'own')).toBe(1);
      const link = connection.openLink();
      await until(() => link.status === 'ready');
      await connection.close();
      expect(client.status).toBe('ready');
      expect(link.status).not.toBe('ready');
      expect(await client.get('own')).toBe('1');
    } finally {
      client.disconnect();
    }
  });

  it('S14 with all nodes gone boots, fails in time, never sends late, and recovers', async () => {
    await using connection = await open();
    const key = 'gone';
    await Promise.all(setup.nodes.map((node) => node.pause()));
    await using newcomer = new ConnectionUnderTest(setup.url, { commandTimeoutMs: DEADLINE_MS });
    await newcomer.open();
    for (const [each, ambiguous] of [
      [connection, true],
      [newcomer, false],
      [newcomer, false],
    ] as const) {
      const { error, ms } = await rejection(() => increment(each, key));
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect((error as StoreUnavailableError).ambiguous).toBe(ambiguous);
      expect(ms).toBeLessThan(DEADLINE_MS + 250);
    }
    await Promise.all(setup.nodes.map((node) => node.resume()));
    await until(() => Promise.all([increment(connection, 'x'), increment(newcomer, 'x')]), { within: 15_000 });
    // who stood still for so long may have been taken for dead, and another be about to take over
    const { count } = await until(async () => ({ count: Number(await connection.execute('read', (client) => client.get(key))) }));
    expect(count).toBeLessThanOrEqual(1);
  });

  it.each(['kill', 'pause'] as const)(
    'S14 a master that is lost (%s) is replaced; calls settle in time, executed at most once',
    async (fault) => {
      await using connection = await open();
      const key = `{${KEYS[fault === 'kill' ? 0 : 1]}}${fault}`;
      const former = await setup.masterOf(key);
      const outcome = { acknowledged: 0, ambiguous: 0, slowestMs: 0 };
      let lost = false;
      let again = 0;
      while (again < 10) {
        const { error, ms } = await settledIn(() => increment(connection, key));
        if (error === undefined) {
          outcome.acknowledged++;
          if (lost) again++;
        } else {
          expect(error).toBeInstanceOf(StoreUnavailableError);
          if ((error as StoreUnavailableError).ambiguous) outcome.ambiguous++;
        }
        outcome.slowestMs = Math.max(outcome.slowestMs, ms);
        if (outcome.acknowledged === 10 && !lost) {
          // What is acknowledged and not yet replicated is lost with its master; this is not about that.
          await until(() => ask(former, async (client) => (await client.ping()) && client.wait(1, 500)));
          await (fault === 'kill' ? former.kill() : former.pause());
          lost = true;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const present = await setup.masterOtherThan(former, key);
      const stored = Number(await ask(present, (client) => client.get(key)));
      expect(stored).toBeGreaterThanOrEqual(outcome.acknowledged);
      expect(stored).toBeLessThanOrEqual(outcome.acknowledged + outcome.ambiguous);
      expect(outcome.slowestMs).toBeLessThan(DEADLINE_MS + 250);
      await (fault === 'kill' ? former.restart() : former.resume());
    },
  );
});
