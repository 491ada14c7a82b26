import type { OperationOutcome, RefusalReason } from './outcome.js';

/** Whose message it is. */
export interface FromInstance {
  /** Name of the registration of the module, `default` for the one without; absent for an object that was made by hand. */
  readonly instance?: string;
}

/**
 * One call of a public method. The same object is published on `start` and, completed, on `asyncEnd` (once for each call)
 * and, where the call rejects, on `error`. It carries no token, secret, key, value or argument.
 */
export interface OperationTrace extends FromInstance {
  /** As in `sessions.verify`. */
  readonly operation: string;
  /** Once it has ended. */
  readonly outcome?: OperationOutcome;
  /** Why it was refused, where it was. */
  readonly reason?: RefusalReason;
  /** Ms from the call to its end, once it has ended. */
  readonly durationMs?: number;
  /** Of SessionService, and only with `traceIds: true`: whose session, as far as that is known. */
  readonly userId?: string;
  /** Likewise. */
  readonly sessionId?: string;
}

/** What can be well or not. */
export type Part =
  /** The connection to Redis. */
  | 'redis'
  /** The feed of revocations, with `revocation: 'local'`: while it is `down`, verifying asks Redis. */
  | 'revocations'
  /** The cache asks Redis. */
  | 'cache'
  /** The tier of the cache in this process. */
  | 'local-cache'
  /** The limiter asks Redis; while it is `down`, each instance keeps a part of the limits by itself. */
  | 'rate-limits';

/** A part is well again, or is not any more. One message a change. */
export interface StateChange extends FromInstance {
  readonly part: Part;
  readonly state: 'up' | 'down';
  /** Of `redis`: a TroubleCode, or `unknown`. */
  readonly reason?: string;
}

/** A refresh token was presented that had been used before; its session was ended. By the instance that refused it. */
export interface ReuseDetected extends FromInstance {
  /** Only with `traceIds: true`. */
  readonly sessionId?: string;
}

/** A look into the cache, by `get` or `getOrSet`. */
export interface CacheLookup extends FromInstance {
  readonly operation: string;
  /** A fresh value in this process, or in Redis; none; or Redis could not be asked. */
  readonly result: 'local' | 'redis' | 'miss' | 'unavailable';
}

/** The end of a wait for a lock, by `acquire` or `using`; also where there was nothing to wait for. */
export interface LockWait extends FromInstance {
  readonly operation: string;
  /** `ok` where it was obtained. */
  readonly outcome: OperationOutcome;
  readonly waitedMs: number;
}

/** A decision of the limiter about something that would use a limit. */
export interface LimitDecision extends FromInstance {
  readonly operation: string;
  readonly allowed: boolean;
  /** Redis; what it denied before, remembered here; or this instance by itself, since Redis could not be asked. */
  readonly by: 'redis' | 'memory' | 'instance';
}
