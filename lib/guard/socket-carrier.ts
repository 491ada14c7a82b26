import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AuthFailureReason } from './auth-http-exception.js';
import type { Carrier } from './carrier.js';
import { upgradeRequest, upgradeRequestOf } from './upgrade-requests.js';
import type { IdentityPlace } from './identity.js';
import type { OpenStream } from './watched-streams.js';
import { type WebSocketClient, WebSocketStream } from './web-socket-stream.js';

/** What is used of a socket of socket.io. */
interface SocketIoClient {
  readonly handshake: {
    readonly headers: IncomingHttpHeaders;
    readonly auth?: Readonly<Record<string, unknown>>;
    readonly query?: unknown;
  };
  readonly request: IncomingMessage;
  readonly connected: boolean;
  once(event: 'disconnect', listener: () => void): unknown;
  emit(event: string, body: unknown): unknown;
  disconnect(close: boolean): unknown;
}

/** The first argument of a gateway's handler. */
export type SocketClient = SocketIoClient | WebSocketClient;

/** What opened the socket speaks for every message on it. */
export function socketCarrier(client: SocketClient): Carrier {
  if (!isSocketIo(client)) {
    const request = upgradeRequestOf(client) ?? { headers: {} };
    return { request, place: client as IdentityPlace, handshake: true, stream: new WebSocketStream(client) };
  }
  const { auth = {}, query } = client.handshake;
  return {
    request: upgradeRequest(client.request, { auth, query }),
    place: client as IdentityPlace,
    handshake: true,
    tokens: 'token' in auth ? [auth['token']] : [],
    stream: new SocketIoStream(client),
  };
}

/** In the form that Nest gives to what a gateway says. */
export function sayTo(client: SocketClient, event: string, data: unknown): void {
  if (isSocketIo(client)) client.emit(event, data);
  else client.send(JSON.stringify({ event, data }));
}

function isSocketIo(client: SocketClient): client is SocketIoClient {
  return 'handshake' in client;
}

class SocketIoStream implements OpenStream {
  constructor(readonly channel: SocketIoClient) {}

  isOpen(): boolean {
    return this.channel.connected;
  }

  onClose(listener: () => void): void {
    this.channel.once('disconnect', listener);
  }

  end(reason: AuthFailureReason): void {
    this.channel.emit('auth_error', { reason });
    // Its engine sends what is waiting before it closes the connection.
    this.channel.disconnect(true);
  }
}
