export { LoaderTimeoutError, LockBusyError, LockLostError, LockStoreUnavailableError } from './coordination-errors.js';
export {
  type ConfigIssue,
  DecryptionError,
  InvalidArgumentError,
  InvalidTokenError,
  type InvalidTokenReason,
  OAuthRequestError,
  type OAuthRequestErrorName,
  RedisAuthConfigError,
  RedisAuthError,
  type RedisAuthErrorCode,
  SessionConflictError,
  SessionLimitError,
  StoreFullError,
  StoreUnavailableError,
  TokenExistsError,
} from './errors.js';
export { withoutArguments } from './without-arguments.js';
