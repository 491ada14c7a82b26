import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockLostError, LockStoreUnavailableError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { LocksUnderTest } from '../../support/locks.js';
import { rejection } from '../../support/open-connection.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';

let master: TestRedis;
let replica: TestRedis;
let locks: LocksUnderTest;
beforeAll(async () => {
  master = await startRedis({ port: 'tcp', config: ['repl-diskless-sync-delay 0', 'repl-ping-replica-period 1'] });
  replica = await startRedis({ port: 'tcp', config: [`replicaof 127.0.0.1 ${master.port}`] });
  await until(async () => (await ask(master, (client) => client.info('replication'))).includes('state=online'), { within: 10_000 });
  // It is online as soon as it was sent the data, and answers when it has read them.
  await until(() => ask(master, async (client) => (await client.set('first', '')) && (await client.wait(1, 200))), { within: 10_000 });
  locks = new LocksUnderTest({ redis: master.url, minReplicas: 1 });
});
afterAll(async () => {
  await locks.close();
  await replica.stop();
  await master.stop();
});

const ttl = '2s';
const heldOn = (server: TestRedis): Promise<string[]> => ask(server, (client) => client.keys('auth:w:*'));

describe('minReplicas', () => {
  it('gives a lock that the replicas have, at once or after waiting', async () => {
    const lock = (await locks.tryAcquire('job', { ttl }))!;
    expect(await heldOn(replica)).toHaveLength(1);
    const waiting = locks.acquire('job', { ttl });
    await lock.release();
    const next = await waiting;
    expect(await heldOn(replica)).toHaveLength(1);
    expect(next.fencingToken > lock.fencingToken).toBe(true);
    await next.extend();
    await next.release();
  });

  it('refuses in time, and leaves nothing behind, while a replica is silent', async () => {
    await locks.using('warm', { ttl }, async () => undefined);
    await replica.pause();
    for (const call of [
      () => locks.tryAcquire('job', { ttl }),
      () => locks.acquire({ group: 'g', keys: ['a'] }, { ttl }),
      () => locks.using('job', { ttl }, async () => undefined),
    ]) {
      const { error, ms } = await rejection(call);
      expect(error).toBeInstanceOf(LockStoreUnavailableError);
      expect(ms).toBeLessThan(750);
      expect(await heldOn(master)).toEqual([]);
    }
    await replica.resume();
    expect(await until(() => locks.tryAcquire('job', { ttl }).catch(() => null))).toBeTruthy();
  });

  it('does not take a lease for longer that the replicas do not have', async () => {
    const running = locks.using('long', { ttl: '600 ms' }, async (lock) => {
      await replica.pause();
      await until(() => lock.signal.aborted);
    });
    await expect(running).rejects.toBeInstanceOf(LockLostError);
    await replica.resume();
  });

  it('does not keep other calls of the connection waiting', async () => {
    await replica.pause();
    const refused = rejection(() => locks.tryAcquire('slow', { ttl }));
    const { result, ms } = await settledIn(() => locks.client.ping());
    expect(result).toBe('PONG');
    expect(ms).toBeLessThan(200);
    expect((await refused).error).toBeInstanceOf(LockStoreUnavailableError);
    await replica.resume();
  });
});
