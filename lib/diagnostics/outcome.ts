import { InvalidTokenError, type InvalidTokenReason, RedisAuthError, type RedisAuthErrorCode } from '../errors/index.js';

/**
 * What became of an operation. A value that says no (`null`, `false`, a limit that is used up) is `ok`.
 *
 * | outcome            | the caller got                                                                              |
 * |--------------------|---------------------------------------------------------------------------------------------|
 * | `ok`               | a value                                                                                     |
 * | `refused`          | InvalidTokenError, SessionLimitError, SessionConflictError, TokenExistsError, OAuthRequestError: see {@link RefusalReason} |
 * | `invalid-argument` | InvalidArgumentError                                                                        |
 * | `busy`             | LockBusyError                                                                               |
 * | `lost`             | LockLostError                                                                               |
 * | `unavailable`      | StoreUnavailableError, LockStoreUnavailableError                                            |
 * | `full`             | StoreFullError                                                                              |
 * | `timeout`          | LoaderTimeoutError                                                                          |
 * | `aborted`          | the reason of a signal of the caller's                                                      |
 * | `failed`           | anything else, errors of the application's own loaders and functions among them             |
 */
export type OperationOutcome =
  'ok' | 'refused' | 'invalid-argument' | 'busy' | 'lost' | 'unavailable' | 'full' | 'timeout' | 'aborted' | 'failed';

/** Why an operation was refused: the reason of an InvalidTokenError, or which other error it was. */
export type RefusalReason = InvalidTokenReason | 'session-limit' | 'session-conflict' | 'token-exists' | 'oauth-request';

/** What an error is told as. */
export interface Failure {
  readonly outcome: OperationOutcome;
  /** With `refused` only. */
  readonly reason?: RefusalReason;
}

const FAILURES: Record<Exclude<RedisAuthErrorCode, 'ERR_REDIS_AUTH_INVALID_TOKEN'>, Failure> = {
  ERR_REDIS_AUTH_CONFIG: { outcome: 'failed' },
  ERR_REDIS_AUTH_DECRYPTION: { outcome: 'failed' },
  ERR_REDIS_AUTH_INVALID_ARGUMENT: { outcome: 'invalid-argument' },
  ERR_REDIS_AUTH_LOADER_TIMEOUT: { outcome: 'timeout' },
  ERR_REDIS_AUTH_LOCK_BUSY: { outcome: 'busy' },
  ERR_REDIS_AUTH_LOCK_LOST: { outcome: 'lost' },
  ERR_REDIS_AUTH_LOCK_STORE_UNAVAILABLE: { outcome: 'unavailable' },
  ERR_REDIS_AUTH_OAUTH_REQUEST: { outcome: 'refused', reason: 'oauth-request' },
  ERR_REDIS_AUTH_SESSION_CONFLICT: { outcome: 'refused', reason: 'session-conflict' },
  ERR_REDIS_AUTH_SESSION_LIMIT: { outcome: 'refused', reason: 'session-limit' },
  ERR_REDIS_AUTH_STORE_FULL: { outcome: 'full' },
  ERR_REDIS_AUTH_STORE_UNAVAILABLE: { outcome: 'unavailable' },
  ERR_REDIS_AUTH_TOKEN_EXISTS: { outcome: 'refused', reason: 'token-exists' },
};

/** Never the error itself: that of an application's own function may say anything. */
export function failureOf(error: unknown): Failure {
  if (error instanceof InvalidTokenError) return { outcome: 'refused', reason: error.reason };
  if (error instanceof RedisAuthError) return FAILURES[error.code as keyof typeof FAILURES];
  const isAbort = error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
  return { outcome: isAbort ? 'aborted' : 'failed' };
}
