import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkServers } from '../../lib/audit/audit.js';
import { reportOf } from '../../lib/audit/index.js';
import { RedisAuthConfigError, StoreUnavailableError } from '../../lib/errors/index.js';
import { resolveOptions } from '../../lib/options/index.js';
import { startRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { Links } from '../support/chaos/links.js';
import { captureLog, ConnectionUnderTest, PATIENT, rejection } from '../support/open-connection.js';
import { SentinelSetup } from '../support/sentinel.js';
import { testOptions } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { otherCa, serverCertificate, testCa } from '../support/tls.js';
import { until } from '../support/until.js';
import { Writer } from '../support/writer.js';

const DEADLINE_MS = 500;
const PASSWORD = 'of-the-data-nodes';

let setup: SentinelSetup;
let log: string[];
beforeAll(async () => {
  log = captureLog();
  setup = await SentinelSetup.start({ password: PASSWORD });
});
afterAll(() => setup.stop());

function open(): Promise<ConnectionUnderTest> {
  return ConnectionUnderTest.open(setup.url, { commandTimeoutMs: DEADLINE_MS });
}

/** INCR until told to stop, each within its time; how many were acknowledged, and how many may have been executed besides. */
async function incrementThroughout(connection: ConnectionUnderTest, key: string, event: () => Promise<unknown>) {
  const outcome = { acknowledged: 0, ambiguous: 0, slowestMs: 0 };
  const enough = new AbortController();
  const loop = (async () => {
    while (!enough.signal.aborted) {
      const { error, ms } = await settledIn(() => connection.execute('increment', (client) => client.incr(key)));
      if (error === undefined) {
        outcome.acknowledged++;
      } else {
        expect(error).toBeInstanceOf(StoreUnavailableError);
        if ((error as StoreUnavailableError).ambiguous) outcome.ambiguous++;
      }
      outcome.slowestMs = Math.max(outcome.slowestMs, ms);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await event();
  await until(() => connection.execute('increment', (client) => client.incr('alive')), { within: 15_000 });
  enough.abort();
  await loop;
  return outcome;
}

describe('behind Sentinels', () => {
  it('S20 a wrong name of the master stops the boot', async () => {
    const { error } = await rejection(() => ConnectionUnderTest.open(setup.url.replace('mymaster', 'nomaster'), PATIENT));
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(error.message).toMatch(/redis: master nomaster of sentinels .*know no master of this name/);
    expect(error.message).not.toContain(PASSWORD);
  });

  it('S20 a wrong password of the data nodes stops the boot', async () => {
    const { error } = await rejection(() => ConnectionUnderTest.open(setup.url.replace(PASSWORD, 'wrong'), PATIENT));
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(error.message).toMatch(/password is wrong/);
    expect(log.join()).not.toContain(PASSWORD);
  });

  it('the replicas of the master are counted by the audit', async () => {
    await using connection = await ConnectionUnderTest.open(setup.url, PATIENT);
    const codes = async (minReplicas: number): Promise<string[]> => {
      const outcomes = await checkServers(connection, resolveOptions(testOptions({ redis: setup.url, locks: { minReplicas } })));
      return reportOf(outcomes).findings.flatMap(({ code, severity }) => (severity === 'error' ? [code] : []));
    };
    expect(await codes(2)).toEqual([]);
    expect(await codes(3)).toEqual(['few-replicas']);
  });

  it('that speak TLS only, as their master does, it is found and used', async () => {
    await using master = await startRedis({ tls: serverCertificate });
    const monitor = ['tls-replication yes', `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`];
    await using sentinel = await startRedis({ tls: serverCertificate, args: ['--sentinel'], config: monitor });
    const url = `rediss://127.0.0.1:${sentinel.port},localhost:${sentinel.port}/mymaster`;
    await using connection = await ConnectionUnderTest.open({ url, tls: { ca: testCa } }, PATIENT);
    expect(await connection.ping()).toBe('PONG');
    await expect(ConnectionUnderTest.open({ url, tls: { ca: otherCa } }, PATIENT)).rejects.toThrow(/certificate is not trusted/);
  });

  it('S14 without any Sentinel it boots, fails in time, and finds the master when one is back', async () => {
    await using only = await startRedis({ port: 'tcp', args: ['--sentinel'] });
    const master = await setup.master();
    await only.kill();
    await using connection = new ConnectionUnderTest(
      { sentinels: [{ host: '127.0.0.1', port: only.port! }], name: 'mymaster', password: PASSWORD },
      { commandTimeoutMs: DEADLINE_MS },
    );
    await connection.open();
    const { error, ms } = await rejection(() => connection.ping());
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect((error as StoreUnavailableError).ambiguous).toBe(false);
    expect(ms).toBeLessThan(DEADLINE_MS + 250);
    await only.restart();
    await ask(only, (client) => client.call('SENTINEL', 'MONITOR', 'mymaster', '127.0.0.1', String(master.port), '1'));
    await until(() => connection.ping());
  });

  it('S14 a killed master is replaced, each call is executed at most once, and none that was acknowledged is lost', async () => {
    await using connection = await open();
    const former = await setup.master();
    const outcome = await incrementThroughout(connection, 'killed', async () => {
      await until(() => connection.execute('read', (client) => client.get('killed')).then((n) => Number(n) > 10));
      await former.kill();
      await setup.masterOtherThan(former);
    });
    expect(outcome.slowestMs).toBeLessThan(DEADLINE_MS + 250);
    const stored = Number(await ask(await setup.master(), (client) => client.get('killed')));
    expect(stored).toBeGreaterThanOrEqual(outcome.acknowledged);
    expect(stored).toBeLessThanOrEqual(outcome.acknowledged + outcome.ambiguous);
    await former.restart();
  });

  it('S14 a failover is followed that the Sentinels tell of while they are being asked for the master', async () => {
    await using links = await Links.open(setup.sentinels.map(({ url }) => url));
    const sentinels = setup.sentinels.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(links.urlTo(url)).port) }));
    const place = { sentinels, name: setup.name, password: PASSWORD, natMap: links.natMap };
    await using connection = await ConnectionUnderTest.open(place, PATIENT);
    const link = connection.openLink();
    await until(() => link.status === 'ready');
    const former = await setup.master();
    // asking takes so long that a client without a master is hardly ever about anything else when it is told
    await links.begin('late', 200);
    await former.kill();
    try {
      await setup.masterOtherThan(former);
      await until(() => connection.ping(), { within: 15_000 });
      await until(() => link.ping(), { within: 15_000 });
    } finally {
      await former.restart();
    }
  });

  it('S14 a planned failover is followed, and nothing is acknowledged by the old master for longer than 2 s', async () => {
    await using connection = await open();
    const writer = new Writer((member) => connection.execute('add', (client) => client.sadd('planned', member)));
    const { slowestMs } = await incrementThroughout(connection, 'counted', async () => {
      await until(async () => {
        const counts = await Promise.all(setup.servers.map((server) => ask(server, (client) => client.scard('planned'))));
        return counts.every((count) => count > 50);
      });
      await setup.failover();
    });
    await writer.stop();
    expect(slowestMs).toBeLessThan(DEADLINE_MS + 250);
    const stored = await ask(await setup.master(), (client) => client.smembers('planned'));
    expect(stored.length).toBeGreaterThan(50);
    const lost = writer.lost(stored);
    expect((lost.at(-1) ?? 0) - (lost[0] ?? 0)).toBeLessThan(2_000);
  });

  // The last: having stood still, a Sentinel takes part in no failover for a while.
  it('the master is found and used, through whichever Sentinel is up', async () => {
    await setup.sentinels[2]!.pause();
    try {
      const sentinels = setup.addresses.toReversed();
      await using connection = await ConnectionUnderTest.open({ sentinels, name: setup.name, password: PASSWORD }, PATIENT);
      await connection.execute('set', (client) => client.set('k', 'v'));
      expect(await ask(await setup.master(), (client) => client.get('k'))).toBe('v');
    } finally {
      await setup.sentinels[2]!.resume();
    }
  });
});
