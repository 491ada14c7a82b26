import type { ServerResponse } from 'node:http';

/** What is used of Fastify's reply; it keeps the headers itself until it sends. */
interface FastifyReply {
  readonly raw: ServerResponse;
  header(name: string, value: string): unknown;
  status(code: number): { send(body: unknown): unknown };
}

/** A response of Express (or of Node itself), or a reply of Fastify. */
export type HttpResponse = ServerResponse | FastifyReply;

export function setHeaders(response: HttpResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (isFastifyReply(response)) response.header(name, value);
    else if (!response.headersSent) response.setHeader(name, value);
  }
}

/** Keeps the cookies that are there already. */
export function appendCookie(response: HttpResponse, cookie: string): void {
  // Fastify appends where the name is Set-Cookie.
  if (isFastifyReply(response)) response.header('set-cookie', cookie);
  else response.appendHeader('set-cookie', cookie);
}

/** Ends the response with a JSON body; where it has begun already, it can only be cut short. */
export function reply(response: HttpResponse, status: number, body: unknown): void {
  const message = messageOf(response);
  if (message.headersSent) {
    message.end();
  } else if (isFastifyReply(response)) {
    response.status(status).send(body);
  } else {
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.end(JSON.stringify(body));
  }
}

/** Node's own response. */
export function messageOf(response: HttpResponse): ServerResponse {
  return isFastifyReply(response) ? response.raw : response;
}

function isFastifyReply(response: HttpResponse): response is FastifyReply {
  return 'raw' in response && typeof response.header === 'function';
}
