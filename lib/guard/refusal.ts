import { type ExecutionContext, HttpException } from '@nestjs/common';
import { RedisAuthError } from '../errors/index.js';
import { AuthHttpException } from './auth-http-exception.js';
import { answerTo } from './error-answers.js';
import { type HttpResponse, setHeaders } from './http-response.js';

/** What the guard throws at a transport for an error: an exception that the transport's own filter passes on to the client. */
export async function refusalOf(error: unknown, context: ExecutionContext, response: HttpResponse | undefined): Promise<unknown> {
  const answer = (error instanceof RedisAuthError && answerTo(error)) || error;
  switch (context.getType<string>()) {
    case 'ws':
      return answer instanceof HttpException ? socketException(answer) : answer;
    case 'rpc':
      return answer instanceof HttpException ? messageException(answer) : answer;
    default:
      // Set here, so that they are there whatever filter the application answers with.
      if (answer instanceof AuthHttpException && response !== undefined) setHeaders(response, answer.headers);
      return answer;
  }
}

/** `{ status: 'error', … }` as every exception over these transports, and the body that HTTP would have. */
export function messageBody(exception: HttpException): object {
  const body = exception.getResponse();
  return { status: 'error', ...(typeof body === 'string' ? { statusCode: exception.getStatus(), message: body } : body) };
}

// Loaded where they are needed alone: an application without such a transport has no such package.
async function socketException(exception: HttpException): Promise<Error> {
  const { WsException } = await import('@nestjs/websockets');
  return new WsException(messageBody(exception));
}

async function messageException(exception: HttpException): Promise<Error> {
  const { RpcException } = await import('@nestjs/microservices');
  return new RpcException(messageBody(exception));
}
