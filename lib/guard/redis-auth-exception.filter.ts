import { type ArgumentsHost, Catch, type ExceptionFilter, InternalServerErrorException, Logger } from '@nestjs/common';
import { RedisAuthError } from '../errors/index.js';
import { answerTo } from './error-answers.js';
import { type HttpResponse, reply, setHeaders } from './http-response.js';

/**
 * Answers errors of this package that a handler lets through: InvalidToken 401, InvalidArgument 400, SessionLimit
 * and SessionConflict 409, StoreUnavailable and StoreFull 503 with `Retry-After`; the rest is logged and a 500 that
 * says nothing. Registered by the module unless `httpErrors: false`; then `app.useGlobalFilters(new
 * RedisAuthExceptionFilter())` does it. Express and Fastify; other transports than HTTP get the error itself.
 */
@Catch(RedisAuthError)
export class RedisAuthExceptionFilter implements ExceptionFilter<RedisAuthError> {
  private readonly logger = new Logger(RedisAuthExceptionFilter.name);

  catch(error: RedisAuthError, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const response = host.switchToHttp().getResponse<HttpResponse>();
    const answer = answerTo(error);
    if (answer !== undefined) {
      setHeaders(response, answer.headers);
      reply(response, answer.getStatus(), answer.getResponse());
    } else {
      this.logger.error(error);
      const failure = new InternalServerErrorException();
      reply(response, failure.getStatus(), failure.getResponse());
    }
  }
}
