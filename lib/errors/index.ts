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
export { withoutArguments } from './without-arguments.js';
