import {
  type Again,
  inDoubt,
  type KeySpace,
  type RedisAuthConnection,
  type RedisClient,
  type Script,
  type ScriptArgument,
} from '../redis/index.js';
import { type Revocations, textOf } from '../revocation/index.js';
import type { SessionEvents } from './session-events.js';
import type { Acted } from './session-state.lua.js';
import { SETTLE_TENANT, TENANT_EPOCH } from './tenant-epoch.lua.js';

/** What a reply means, given the epoch of the tenant: null for no tenant, or one whose epoch is lost. */
type Judge<Reply, Result> = (reply: Reply, epoch: string | null, again: Again) => Result | Promise<Result>;

/**
 * Runs session scripts, each one round trip within one deadline. A session with a tenant is also compared with its
 * tenant's epoch, which lies in another slot: a second command beside the first. What a script has decided that others
 * must hear of is told to the feed before the call is done, and then once more by whoever comes next if that failed.
 */
export class ScriptCalls {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly keys: KeySpace,
    private readonly events: SessionEvents,
    private readonly revocations: Revocations,
  ) {}

  /** Where scripts tell events; the first argument of those that do. */
  get channel(): string {
    return this.events.channel;
  }

  /** Runs a script that acts, and, for a tenant, reads its epoch beside it. */
  act<Reply, Result>(
    operation: string,
    tenantHash: string | undefined,
    script: Script<Acted<Reply>>,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    judge: Judge<Reply, Result>,
    first: readonly string[] = [],
  ): Promise<Result> {
    return this.run(operation, async (client, again) => {
      if (first.length > 0) await this.revocations.append(again, first);
      const acted = script.run(first.length > 0 ? again() : client, keys, [this.channel, ...args], again).catch((error: unknown) => {
        // what the feed was told holds on every instance, even where the script was refused
        throw first.length > 0 ? inDoubt(operation, error) : error;
      });
      return this.judged(operation, tenantHash, acted, again, async (reply, epoch) =>
        judge(await this.told(operation, reply, again), epoch, again),
      );
    });
  }

  /** Runs a script that only reads, likewise. */
  look<Reply, Result>(
    operation: string,
    tenantHash: string | undefined,
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    judge: Judge<Reply, Result>,
  ): Promise<Result> {
    return this.run(operation, (client, again) => this.judged(operation, tenantHash, script.run(client, keys, args, again), again, judge));
  }

  /** One call within its deadline. The first ones after somebody began to listen to events wait until they can be heard. */
  run<T>(operation: string, send: (client: RedisClient, again: Again) => Promise<T>): Promise<T> {
    return this.connection.execute(operation, send, this.events.listening);
  }

  /** The reply of a script that acts, once the feed has been told what is due. */
  async told<Reply>(operation: string, [reply, index, due]: Acted<Reply>, again: Again): Promise<Reply> {
    if (index === undefined || due === undefined) return reply;
    try {
      const id = await this.revocations.append(again, due);
      await this.cleanUp(again, (client) => client.zrem(index, ...due));
      await this.revocations.echo(id);
    } catch (error) {
      throw inDoubt(operation, error);
    }
    return reply;
  }

  /** The epoch of a tenant as it is compared, once the feed has been told of it. */
  async settled(tenantHash: string, marked: string | null, again: Again): Promise<string | null> {
    if (marked === null || !marked.endsWith('!')) return marked;
    const epoch = marked.slice(0, -1);
    const id = await this.revocations.append(again, [textOf({ kind: 't', epoch: Number(epoch), tenantHash })]);
    await this.cleanUp(again, (client) => SETTLE_TENANT.run(client, [this.keys.tenant(tenantHash)], [marked], again));
    await this.revocations.echo(id);
    return epoch;
  }

  private judged<Reply, Result>(
    operation: string,
    tenantHash: string | undefined,
    reply: Promise<Reply>,
    again: Again,
    judge: Judge<Reply, Result>,
  ): Promise<Result> {
    if (tenantHash === undefined) return reply.then((answer) => judge(answer, null, again));
    const epoch = TENANT_EPOCH.run(again(), [this.keys.tenant(tenantHash)], [], again)
      .then((marked) => this.settled(tenantHash, marked, again))
      .catch((error: unknown) => {
        // the script beside it has perhaps been executed
        throw inDoubt(operation, error);
      });
    return Promise.all([reply, epoch]).then((answers) => judge(...answers, again));
  }

  /** Told twice is as good as once: that it failed is no failure of the call. */
  private async cleanUp(again: Again, send: (client: RedisClient) => Promise<unknown>): Promise<void> {
    try {
      await send(again());
    } catch {
      // whoever comes next tells it once more
    }
  }
}
