import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, InternalServerErrorException, Logger } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { RedisAuthError } from '../errors/index.js';
import { AuthHttpException } from './auth-http-exception.js';
import { answerTo } from './error-answers.js';
import { type HttpResponse, reply, setHeaders } from './http-response.js';
import { messageBody } from './refusal.js';
import { sayTo, type SocketClient } from './socket-carrier.js';

/**
 * Answers errors of this package that a handler lets through: InvalidToken 401, InvalidArgument 400, SessionLimit
 * and SessionConflict 409, StoreUnavailable and StoreFull 503 with `Retry-After`; the rest is logged and a 500 that
 * says nothing. Registered by the module unless `httpErrors: false`; then `app.useGlobalFilters(new
 * RedisAuthExceptionFilter())` does it. Express and Fastify; GraphQL, gateways and microservices get the same body as
 * their errors have it.
 */
@Catch(RedisAuthError)
export class RedisAuthExceptionFilter implements ExceptionFilter<RedisAuthError> {
  private readonly logger = new Logger(RedisAuthExceptionFilter.name);

  catch(error: RedisAuthError, host: ArgumentsHost): void | Observable<never> {
    const answer = answerTo(error) ?? this.failure(error);
    switch (host.getType<string>()) {
      case 'http':
        return answerRequest(host.getArgByIndex<HttpResponse>(1), answer);
      case 'ws':
        return sayTo(host.getArgByIndex<SocketClient>(0), 'exception', messageBody(answer));
      case 'rpc':
        return throwError(() => messageBody(answer));
      default:
        throw answer;
    }
  }

  private failure(error: RedisAuthError): HttpException {
    this.logger.error(error);
    return new InternalServerErrorException();
  }
}

function answerRequest(response: HttpResponse, answer: HttpException): void {
  if (answer instanceof AuthHttpException) setHeaders(response, answer.headers);
  reply(response, answer.getStatus(), answer.getResponse());
}
