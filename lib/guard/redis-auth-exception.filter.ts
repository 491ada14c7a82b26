import { type ArgumentsHost, Catch } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { RedisAuthError } from '../errors/index.js';
import { answerTo } from './error-answers.js';
import { type HttpResponse, setHeaders } from './http-response.js';

/**
 * Answers errors of this package that a handler lets through: InvalidToken 401, InvalidArgument 400, SessionLimit
 * and SessionConflict 409, StoreUnavailable and StoreFull 503 with `Retry-After`; the rest is logged and a 500 that
 * says nothing. Registered by the module unless `httpErrors: false`. Other transports than HTTP get the error itself.
 */
@Catch(RedisAuthError)
export class RedisAuthExceptionFilter extends BaseExceptionFilter<RedisAuthError> {
  override catch(error: RedisAuthError, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const answer = answerTo(error);
    if (answer !== undefined) setHeaders(host.switchToHttp().getResponse<HttpResponse>(), answer.headers);
    super.catch((answer ?? error) as RedisAuthError, host);
  }
}
