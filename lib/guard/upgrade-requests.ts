import type { IncomingMessage, Server } from 'node:http';
import { Logger } from '@nestjs/common';
import type { HttpRequest } from './http-request.js';
import type { WebSocketClient } from './web-socket-stream.js';

// A WebSocket of `ws` does not know the request that opened it. By the connection, or by the WebSocket itself where
// the application gave it.
const requests = new WeakMap<object, IncomingMessage>();

/**
 * Tells the guard which request opened a WebSocket of `ws`, for a gateway on a port of its own: to be called first
 * in `handleConnection(client, request)`. On the application's port, and with socket.io, the guard knows.
 */
export function keepUpgradeRequest(client: object, request: IncomingMessage): void {
  requests.set(client, request);
}

/**
 * Takes note of the requests that open WebSockets on the application's server. Returns what ends that.
 *
 * Only where something answers them: Node leaves a request for an upgrade unanswered as soon as anybody listens.
 */
export function noteUpgradeRequests(server: Partial<Pick<Server, 'prependListener' | 'off' | 'listenerCount'>> | undefined): () => void {
  if (server?.prependListener === undefined || !(server.listenerCount?.('upgrade') ?? 0)) return () => undefined;
  const note = (request: IncomingMessage, socket: object): void => void requests.set(socket, request);
  server.prependListener('upgrade', note);
  return () => void server.off?.('upgrade', note);
}

export function upgradeRequestOf(client: WebSocketClient): HttpRequest | undefined {
  const request = requests.get(client) ?? requests.get((client as { _socket?: object })._socket ?? client);
  if (request === undefined) warnOnce();
  return request;
}

/** The request that opened a socket, for an extractor of the application together with what the client said besides. */
export function upgradeRequest<T extends object>(request: IncomingMessage, besides: T): HttpRequest & T {
  const { method, url, headers } = request;
  return { ...besides, method: method ?? 'GET', url, headers, raw: request } as HttpRequest & T;
}

let warned = false;
function warnOnce(): void {
  if (warned) return;
  warned = true;
  new Logger('JwtAuthGuard').warn(
    'the request that opened a WebSocket is not known, so it has no credential: on a port of its own call keepUpgradeRequest(client, request) in handleConnection',
  );
}
