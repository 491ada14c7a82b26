export {
  type ConfigIssue,
  DecryptionError,
  InvalidArgumentError,
  InvalidTokenError,
  type InvalidTokenReason,
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
