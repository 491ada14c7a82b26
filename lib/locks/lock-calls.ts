import { LockStoreUnavailableError, StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { RedisAuthConnection } from '../redis/index.js';
import type { LockRequest } from './lock-arguments.js';
import type { LockState } from './lock-state.js';

/** What a script says of a lock that is not held by who asks. */
export type NotHeld = 'gone' | 'taken';

/** The scripts as calls, each bounded by `commandTimeout`. Where Redis cannot be asked they reject with LockStoreUnavailableError. */
export class LockCalls {
  constructor(private readonly connection: RedisAuthConnection) {}

  /** The fencing token, or, as a number, after how many ms to ask again. */
  take(operation: string, { state, ttlMs }: LockRequest, id: string, mode: 'try' | 'wait' | 'check'): Promise<bigint | number> {
    return this.connection
      .execute(operation, (client, again) => state.scripts.take.run(client, state.keys, [id, ttlMs, mode, ...state.what], again))
      .then(
        // The application's own client may be set to give numbers as text.
        (reply) => (Number(reply) < 0 ? -Number(reply) : BigInt(reply)),
        (error: unknown) => notAsked(operation, error),
      );
  }

  async extend({ scripts, keys }: LockState, ttlMs: number, id: string): Promise<true | NotHeld> {
    const operation = 'locks.extend';
    const reply = await this.connection
      .execute(operation, (client, again) => scripts.extend.run(client, keys, [id, ttlMs], again))
      .catch((error: unknown) => notAsked(operation, error));
    return heldBy(reply);
  }

  /** Ends holding as well as waiting. */
  release({ scripts, keys }: Pick<LockState, 'scripts' | 'keys'>, id: string): Promise<true | NotHeld> {
    const operation = 'locks.release';
    return this.connection
      .execute(operation, (client, again) => scripts.release.run(client, keys, [id], again))
      .then(heldBy, (error: unknown) => notAsked(operation, error));
  }
}

export function heldBy(reply: string | number): true | NotHeld {
  const code = Number(reply);
  return code === 1 ? true : code === 0 ? 'gone' : 'taken';
}

export function notAsked(operation: string, error: unknown): never {
  if (error instanceof StoreUnavailableError) {
    throw new LockStoreUnavailableError(operation, error.ambiguous, error.retryAfter, { cause: error });
  }
  if (error instanceof StoreFullError) throw new LockStoreUnavailableError(operation, false, error.retryAfter, { cause: error });
  throw error;
}
