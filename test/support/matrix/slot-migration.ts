import { setTimeout as sleep } from 'node:timers/promises';
import type { TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../ask.js';
import type { ClusterSetup } from '../cluster.js';
import type { Begun } from './faults.js';

/** So many slots after each other, one of them that of the key. */
const SLOTS = 120;

/** Slots move to another master one after the other, with what is in them, until it is healed. */
export async function migrateSlots(cluster: ClusterSetup, key: string): Promise<Begun> {
  const from = await cluster.masterOf(key);
  const to = (await Promise.all(['a', 'b', 'c'].map((other) => cluster.masterOf(other)))).find((master) => master !== from)!;
  const first = await ask(from, (client) => client.cluster('KEYSLOT', key));
  const owned = await ask(from, (client) => client.cluster('SLOTS'));
  const [, last] = owned.find(([begin, end, master]) => master?.[1] === from.port && begin <= first && first <= end)!;
  let over = false;
  const moving = (async () => {
    for (let slot = first; slot < Math.min(first + SLOTS, last + 1) && !over; slot++) {
      await moveSlot(cluster, slot, from, to);
      await sleep(5);
    }
  })();
  moving.catch(() => undefined);
  return {
    heal: () => {
      over = true;
      return moving;
    },
  };
}

async function moveSlot({ nodes }: ClusterSetup, slot: number, from: TestRedis, to: TestRedis): Promise<void> {
  const [fromId, toId] = await Promise.all([from, to].map((node) => ask(node, (client) => client.cluster('MYID'))));
  await ask(to, (client) => client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!));
  await ask(from, async (client) => {
    await client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
    for (;;) {
      const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
      if (keys.length === 0) break;
      await client.call('MIGRATE', '127.0.0.1', to.port!, '', 0, 5_000, 'KEYS', ...keys);
    }
  });
  for (const node of [to, from, ...nodes.slice(0, 3)]) {
    await ask(node, (client) => client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId!).catch(() => undefined));
  }
}
