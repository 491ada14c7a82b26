import type { Gate } from './gate.js';
import type { RedisClient } from './redis-client.js';
import type { RefusedCalls } from './refused-calls.js';
import { storeUnavailable, toStoreError } from './store-errors.js';
import type { WriteJoining } from './write-joining.js';

/** The client for a further command of a call. Throws where none may be sent any more. */
export type Again = () => RedisClient;

/** Calls over one connection, each within its deadline. */
export class BoundedCalls {
  constructor(
    private readonly client: RedisClient,
    private readonly gate: Gate,
    private readonly refused: RefusedCalls,
    private readonly writes: WriteJoining | undefined,
    private readonly timeoutMs: number,
    /** Makes the connection, where nobody has yet. */
    private readonly start: () => void,
  ) {}

  /** See {@link RedisAuthConnection.execute}. */
  execute<T>(operation: string, send: (client: RedisClient, again: Again) => Promise<T>, before?: Promise<unknown>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let sent = false;
      let overdue = false;
      const deadline = setTimeout(() => {
        overdue = true;
        reject(storeUnavailable(operation, sent, new Error(`no answer within ${this.timeoutMs} ms`)));
      }, this.timeoutMs);
      const succeed = (result: T): void => {
        clearTimeout(deadline);
        if (this.refused.hasAny) this.refused.succeeded(operation);
        resolve(result);
      };
      const fail = (error: unknown): void => {
        clearTimeout(deadline);
        reject(toStoreError(operation, error, sent) as Error);
        // While there is no usable connection, the watch tells why.
        if (sent && this.gate.isOpen) this.refused.failed(operation, error);
      };
      const again: Again = () => {
        if (overdue || this.client.status !== 'ready') throw new Error('the connection was lost');
        this.writes?.begin();
        return this.client;
      };
      const run = (): void => {
        if (overdue) return;
        if (this.client.status !== 'ready') return fail(new Error('the connection was lost'));
        sent = true;
        try {
          this.writes?.begin();
          send(this.client, again).then(succeed, fail);
        } catch (error) {
          fail(error);
        }
      };
      const enter = (): void => {
        if (this.gate.isOpen) return run();
        this.start();
        this.gate.pass().then(run, fail);
      };
      if (before === undefined) enter();
      else before.then(enter, fail);
    });
  }
}
