import {
  InvalidArgumentError,
  InvalidTokenError,
  LockBusyError,
  LockStoreUnavailableError,
  OAuthRequestError,
  type RedisAuthError,
  SessionConflictError,
  SessionLimitError,
  StoreFullError,
  StoreUnavailableError,
  TokenExistsError,
} from '../errors/index.js';
import { AuthHttpException, unauthorized, unavailable } from './auth-http-exception.js';

/** How an error of this package is answered over HTTP; undefined where it is nothing that a client could mend (500). */
export function answerTo(error: RedisAuthError): AuthHttpException | undefined {
  if (error instanceof InvalidTokenError) return unauthorized(error.reason === 'reused' ? 'revoked' : error.reason);
  if (error instanceof StoreUnavailableError || error instanceof StoreFullError || error instanceof LockStoreUnavailableError)
    return unavailable(error.retryAfter);
  if (error instanceof LockBusyError) return new AuthHttpException(423, error.message);
  if (error instanceof InvalidArgumentError || error instanceof OAuthRequestError) return new AuthHttpException(400, error.message);
  if (error instanceof SessionLimitError || error instanceof SessionConflictError || error instanceof TokenExistsError)
    return new AuthHttpException(409, error.message);
  return undefined;
}
