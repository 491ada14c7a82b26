import { RedisAuthError } from './errors.js';

/** A loader did not answer within `hardTimeout`, and there was no stale value to fall back on. */
export class LoaderTimeoutError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_LOADER_TIMEOUT';

  constructor(
    /** Milliseconds that were waited. */
    readonly timeoutMs: number,
  ) {
    super(`the loader of a cached value did not answer within ${timeoutMs} ms`);
  }
}

/** Somebody else holds the lock, and went on holding it for as long as was waited. Nothing is wrong. */
export class LockBusyError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_LOCK_BUSY';

  constructor(
    /** Milliseconds that were waited. */
    readonly waitedMs: number,
  ) {
    super(`the lock is held by another; waited for ${waitedMs} ms`);
  }
}

/** The lock was held and is no more, or its lease may have ended: what it protects must not be touched any longer. */
export class LockLostError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_LOCK_LOST';

  constructor(
    /** Why: its lease ended, another holds it, it is gone, or it was released. */
    readonly reason: 'expired' | 'taken' | 'gone' | 'released',
    options?: { cause?: unknown },
  ) {
    super(`the lock is no longer held (${reason})`, options);
  }
}

/** Whether the lock is free could not be found out, since Redis could not be asked. */
export class LockStoreUnavailableError extends RedisAuthError {
  readonly code = 'ERR_REDIS_AUTH_LOCK_STORE_UNAVAILABLE';

  constructor(
    /** The public operation that failed, as in `locks.acquire`. */
    readonly operation: string,
    /** True where the lock may have been taken although no reply came; it frees itself when its ttl is over. */
    readonly ambiguous: boolean,
    /** Whole seconds after which a repeat is worth while. */
    readonly retryAfter: number,
    options?: { cause?: unknown },
  ) {
    super(`${operation}: Redis is not available; the lock was not obtained`, options);
  }
}
