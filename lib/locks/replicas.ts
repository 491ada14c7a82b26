import { LockStoreUnavailableError } from '../errors/index.js';
import { isCluster, type RedisAuthConnection, type RedisClient } from '../redis/index.js';
import { heldBy, type NotHeld, notAsked } from './lock-calls.js';
import type { LockState } from './lock-state.js';

/**
 * Extends locks and waits until enough replicas have that, too. On a link of its own: WAIT keeps everything that
 * follows on its connection waiting, and counts what went before on that connection alone.
 */
export class Replicas {
  private link: RedisClient | undefined;

  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly minReplicas: number,
  ) {}

  /** @throws LockStoreUnavailableError if too few have it within half of `commandTimeout` */
  async extend(operation: string, state: LockState, ttlMs: number, id: string): Promise<true | NotHeld> {
    const withinMs = Math.max(1, Math.floor(this.connection.commandTimeoutMs / 2));
    try {
      return await this.connection.execute(operation, async () => {
        const node = await this.nodeOf(state.keys[0]);
        const held = heldBy(await state.scripts.extend.run(node, state.keys, [id, ttlMs]));
        if (held !== true) return held;
        // The application's own client may be set to give numbers as text.
        const count = (await node.wait(this.minReplicas, withinMs)) as number | string;
        if (Number(count) < this.minReplicas) {
          const cause = new Error(`${count} of ${this.minReplicas} replicas have it within ${withinMs} ms`);
          throw new LockStoreUnavailableError(operation, false, 1, { cause });
        }
        return held;
      });
    } catch (error) {
      return notAsked(operation, error);
    }
  }

  private async nodeOf(stateKey: string): Promise<RedisClient> {
    this.link ??= this.connection.openLink();
    if (!isCluster(this.link)) return this.link;
    const slot = Number((await this.link.cluster('KEYSLOT', stateKey)) as number | string);
    const [master] = this.link.slots[slot] ?? [];
    const node = this.link.nodes('master').find(({ options }) => `${options.host}:${options.port}` === master);
    if (node === undefined) throw new Error(`no master of slot ${slot} is known`);
    return node;
  }
}
