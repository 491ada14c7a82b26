import type { ServerResponse } from 'node:http';

/** What Fastify's reply has of it; it keeps the headers itself until it sends. */
interface FastifyReply {
  header(name: string, value: string): unknown;
  raw: ServerResponse;
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

function isFastifyReply(response: HttpResponse): response is FastifyReply {
  return 'raw' in response && typeof response.header === 'function';
}
