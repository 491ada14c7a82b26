export {
  type ConfigIssue,
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
} from './errors.js';
