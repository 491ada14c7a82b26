import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** What is read of a request of Express or Fastify, or of the one that opened a socket. */
export interface HttpRequest {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Scheme and authority as the client sees them, where the application trusts its proxy. */
  readonly protocol?: string;
  readonly host?: string;
  /** Node's own request, under Fastify's. */
  readonly raw?: Pick<IncomingMessage, 'rawHeaders' | 'socket'>;
  readonly rawHeaders?: readonly string[];
  readonly socket?: unknown;
  user?: unknown;
}

const AUTHORIZATION = 'authorization';

/** Whether the client sent a second Authorization header: Node's `headers` silently keep the first. */
export function repeatsAuthorization(request: HttpRequest): boolean {
  const headers = (request.raw ?? request).rawHeaders;
  if (headers === undefined) return false;
  let found = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    // The length first: this runs for each request, and lower case would be made of every name.
    if (name.length !== AUTHORIZATION.length || name.toLowerCase() !== AUTHORIZATION) continue;
    if (found) return true;
    found = true;
  }
  return false;
}
