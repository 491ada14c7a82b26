import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../support/ask.js';
import { ClusterSetup } from '../../support/cluster.js';
import { LocksUnderTest } from '../../support/locks.js';
import { captureLog } from '../../support/open-connection.js';
import { until } from '../../support/until.js';

captureLog();

let cluster: ClusterSetup;
let ours: LocksUnderTest;
let theirs: LocksUnderTest;
beforeAll(async () => {
  cluster = await ClusterSetup.start();
  ours = new LocksUnderTest({ redis: cluster.url, commandTimeout: 1_000 });
  theirs = new LocksUnderTest({ redis: cluster.url, commandTimeout: 1_000 });
});
afterAll(async () => {
  await Promise.all([ours?.close(), theirs?.close()]);
  await cluster?.stop();
});

const ttl = '5s';

describe('on a Cluster', () => {
  it('locks of any key, of groups and of permits work, spread over all masters', async () => {
    const targets = Array.from({ length: 60 }, (_, n) => [`job ${n}`, { group: `group ${n}`, keys: ['a', 'b:{x}'] }] as const).flat();
    const held = await Promise.all(targets.map((target) => ours.acquire(target, { ttl })));
    expect(await Promise.all(targets.map((target) => theirs.tryAcquire(target, { ttl })))).toEqual(targets.map(() => null));
    const permits = await Promise.all([1, 2, 3].map(() => theirs.tryAcquire('permits', { ttl, permits: 2 })));
    expect(permits.filter((lock) => lock !== null)).toHaveLength(2);
    for (const node of cluster.nodes.slice(0, 3)) expect(await ask(node, (client) => client.dbsize())).toBeGreaterThan(20);
    await held[0]!.extend();
    expect(await Promise.all(held.map((lock) => lock.release()))).toEqual(targets.map(() => true));
  });

  it('are handed over in order, by message, whichever node the messages come from', async () => {
    for (const target of ['hot', { group: 'hot', keys: ['a', 'b'] }]) {
      const tokens: bigint[] = [];
      const begun = performance.now();
      await Promise.all(
        Array.from({ length: 40 }, async (_, n) => {
          await using lock = await (n % 2 === 0 ? ours : theirs).acquire(target, { ttl: '30s' });
          tokens.push(lock.fencingToken);
        }),
      );
      expect(tokens).toEqual(tokens.toSorted((a, b) => (a < b ? -1 : 1)));
      // A lost message would be noticed after 5 s.
      expect(performance.now() - begun).toBeLessThan(4_000);
    }
  });

  it('end into the queue when their lease does', async () => {
    await ours.acquire('left', { ttl: '200 ms' });
    const next = await theirs.acquire('left', { ttl, wait: '3s' });
    expect(await next.release()).toBe(true);
  });

  it('are had again once a replica has followed the master that was killed', async () => {
    const key = 'failing-over';
    const lock = await ours.acquire(key, { ttl: '2s' });
    const state = (await keysOfAll()).find((name) => name.endsWith(`}${key}`))!;
    const master = await cluster.masterOf(state);
    const waiting = theirs.acquire(key, { ttl, wait: '25s' });
    await until(async () => (await ask(master, (client) => client.get(state)))!.split('\n').length === 3);
    await master.kill();
    const next = await waiting;
    expect(next.fencingToken > lock.fencingToken).toBe(true);
    expect(lock.signal.aborted).toBe(true);
    expect(await next.release()).toBe(true);
  });

  it('wait for replicas of their own master', async () => {
    await using locks = new LocksUnderTest({ redis: cluster.url, minReplicas: 1 });
    const held = await until(() => locks.tryAcquire('replicated', { ttl }), { within: 10_000 });
    expect(await held.release()).toBe(true);
  });
});

async function keysOfAll(): Promise<string[]> {
  return (await Promise.all(cluster.nodes.slice(0, 3).map((node) => ask(node, (client) => client.keys('auth:w:*'))))).flat();
}
