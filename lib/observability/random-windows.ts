import { randomBytes, randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { CallNode } from '../redis/index.js';

const SLOT_BITS = 14;
/** Far more than a table has places. */
const CURSOR_BYTES = 6;

/**
 * Windows of some hundred keys from random places of a server's table. A key lies where its hash tells, so that neighbours
 * have nothing else in common.
 */
export class RandomWindows {
  private constructor(
    private readonly on: CallNode,
    private readonly slots: readonly number[],
  ) {}

  static async of(on: CallNode): Promise<RandomWindows> {
    return new RandomWindows(on, await on(slotsOf));
  }

  async next(count: number): Promise<string[]> {
    const cursor = this.cursor();
    const [, keys] = await this.on((node) => node.scan(cursor, 'COUNT', count));
    return keys;
  }

  /** In a Cluster the last bits may name the slot: one of another node would lead to always the same place. */
  private cursor(): string {
    const random = BigInt(`0x${randomBytes(CURSOR_BYTES).toString('hex')}`);
    if (this.slots.length === 0) return String(random);
    return String((random << BigInt(SLOT_BITS)) | BigInt(this.slots[randomInt(this.slots.length)]!));
  }
}

/** None where there is no Cluster. */
async function slotsOf(node: Redis): Promise<number[]> {
  const isOfCluster = (await node.info('cluster')).includes('cluster_enabled:1');
  if (!isOfCluster) return [];
  const [id, ranges] = await Promise.all([node.cluster('MYID'), node.cluster('SLOTS')]);
  return ranges
    .filter(([, , master]) => master?.[2] === id)
    .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => from + n));
}
