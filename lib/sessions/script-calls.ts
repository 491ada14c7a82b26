import {
  type Again,
  inDoubt,
  type KeySpace,
  type RedisAuthConnection,
  type RedisClient,
  type Script,
  type ScriptArgument,
} from '../redis/index.js';
import type { SessionEvents } from './session-events.js';
import { TENANT_EPOCH } from './session.lua.js';

/** What a reply means, given the epoch of the tenant: null for no tenant, or one whose epoch is lost. */
type Judge<Reply, Result> = (reply: Reply, epoch: string | null, again: Again) => Result | Promise<Result>;

/**
 * Runs session scripts, each one round trip within one deadline. A session with a tenant is also compared with its
 * tenant's epoch, which lies in another slot: a second command beside the first.
 */
export class ScriptCalls {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly keys: KeySpace,
    private readonly events: SessionEvents,
  ) {}

  /** Where scripts tell events; the first argument of those that do. */
  get channel(): string {
    return this.events.channel;
  }

  /** As {@link beside}, for scripts that tell events. */
  readonly act: ScriptCalls['beside'] = (operation, tenantHash, script, keys, args, judge) =>
    this.beside(operation, tenantHash, script, keys, [this.channel, ...args], judge);

  /** Runs a script and, for a tenant, reads its epoch beside it. */
  beside<Reply, Result>(
    operation: string,
    tenantHash: string | undefined,
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    judge: Judge<Reply, Result>,
  ): Promise<Result> {
    return this.run(operation, (client, again) => {
      const reply = script.run(client, keys, args, again);
      if (tenantHash === undefined) return reply.then((answer) => judge(answer, null, again));
      const epoch = TENANT_EPOCH.run(client, [this.keys.tenant(tenantHash)], [], again).catch((error: unknown) => {
        // the script beside it has perhaps been executed
        throw inDoubt(operation, error);
      });
      return Promise.all([reply, epoch]).then((answers) => judge(...answers, again));
    });
  }

  /** One call within its deadline. The first ones after somebody began to listen to events wait until they can be heard. */
  run<T>(operation: string, send: (client: RedisClient, again: Again) => Promise<T>): Promise<T> {
    return this.connection.execute(operation, send, this.events.listening);
  }
}
