import { type ArgumentsHost, Catch, type ExceptionFilter, ForbiddenException, Inject, UnauthorizedException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { OAuthRequestError, StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { HttpRequest } from '../guard/index.js';

type Refusal = UnauthorizedException | ForbiddenException;
type Answered = OAuthRequestError | StoreUnavailableError | StoreFullError | Refusal;

/**
 * Answers as RFC 6749, section 5.2 has it, `{ error, error_description }`: 400 for what the client asked wrongly, 401
 * `invalid_client` where a guard does not let it in, 503 with `Retry-After` where Redis cannot be asked (RFC 7009,
 * section 2.2.1). A guard that throws an HttpException with a body of its own making has its say; other errors are the
 * application's filters'.
 */
@Catch(OAuthRequestError, StoreUnavailableError, StoreFullError, UnauthorizedException, ForbiddenException)
export class OAuthErrorFilter implements ExceptionFilter<Answered> {
  constructor(@Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost) {}

  catch(error: Answered, host: ArgumentsHost): void {
    const { httpAdapter } = this.adapterHost;
    const http = host.switchToHttp();
    const response = http.getResponse<unknown>();
    const { status, body, headers } = answerTo(error, http.getRequest<HttpRequest>());
    for (const [name, value] of Object.entries(headers)) {
      // the guard knows better how it wants to be asked
      if (name !== 'WWW-Authenticate' || httpAdapter.getHeader(response, name) === undefined) httpAdapter.setHeader(response, name, value);
    }
    httpAdapter.reply(response, body, status);
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

const NOT_STORED = { 'Cache-Control': 'no-store', Pragma: 'no-cache' };

function answerTo(error: Answered, request: HttpRequest): Answer {
  if (error instanceof OAuthRequestError) return { status: 400, body: bodyOf(error.error, error.message), headers: NOT_STORED };
  if (error instanceof StoreUnavailableError || error instanceof StoreFullError) {
    const body = bodyOf('temporarily_unavailable', 'the token store is not available, try again later');
    return { status: 503, body, headers: { ...NOT_STORED, 'Retry-After': String(error.retryAfter) } };
  }
  const own = error.getResponse();
  if (typeof own === 'object' && !('statusCode' in own)) return { status: error.getStatus(), body: own, headers: NOT_STORED };
  const scheme = /^bearer /i.test(request.headers.authorization ?? '') ? 'Bearer' : 'Basic realm="oauth"';
  return {
    status: 401,
    body: bodyOf('invalid_client', 'the client could not be authenticated'),
    headers: { ...NOT_STORED, 'WWW-Authenticate': scheme },
  };
}

function bodyOf(error: string, description: string): Record<string, string> {
  return { error, error_description: description };
}
