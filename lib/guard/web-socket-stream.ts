import type { AuthFailureReason } from './auth-http-exception.js';
import { hangUpUnlessClosed } from './hang-up.js';
import type { OpenStream } from './watched-streams.js';

/** What is used of a WebSocket of `ws`. */
export interface WebSocketClient {
  readonly readyState: number;
  once(event: 'close', listener: () => void): unknown;
  send(data: string): void;
  close(code: number, reason: string): void;
  terminate?(): void;
}

/** By the example of graphql-ws: 4401 is its Unauthorized. */
const UNAUTHORIZED = 4401;
const OPEN = 1;

/** A WebSocket without a protocol of ours on top, or with that of graphql-ws, which ends its subscriptions when it closes. */
export class WebSocketStream implements OpenStream {
  constructor(readonly channel: WebSocketClient) {}

  isOpen(): boolean {
    return this.channel.readyState === OPEN;
  }

  onClose(listener: () => void): void {
    this.channel.once('close', listener);
  }

  end(reason: AuthFailureReason): void {
    this.channel.close(UNAUTHORIZED, reason);
    // ws itself waits 30 s for the peer's answer.
    hangUpUnlessClosed(this.channel, () => this.channel.terminate?.());
  }
}
