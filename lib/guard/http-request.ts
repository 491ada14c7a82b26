import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';

/** What is read of a request of Express or Fastify. */
export interface HttpRequest {
  readonly method?: string;
  readonly headers: IncomingHttpHeaders;
  /** Scheme and authority as the client sees them, where the application trusts its proxy. */
  readonly protocol?: string;
  readonly host?: string;
  /** Node's own request, under Fastify's. */
  readonly raw?: IncomingMessage;
  readonly headersDistinct?: NodeJS.Dict<string[]>;
  user?: unknown;
}

/** The request that a handler serves; undefined for a transport that has none. */
export function requestOf(context: ExecutionContext): HttpRequest | undefined {
  return context.getType() === 'http' ? context.switchToHttp().getRequest<HttpRequest>() : undefined;
}

/** Every value of a header that may stand there once; Node's `headers` silently keep the first of several. */
export function headerValues(request: HttpRequest, name: 'authorization'): readonly string[] {
  const joined = request.headers[name];
  if (joined === undefined) return [];
  const message = request.raw ?? request;
  return message.headersDistinct?.[name] ?? [joined];
}
