import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { hangUpUnlessClosed } from './hang-up.js';
import { type HttpResponse, messageOf } from './http-response.js';
import type { OpenStream } from './watched-streams.js';

/** The response of a handler with @Sse(). */
export class EventStream implements OpenStream {
  readonly channel: ServerResponse;
  private source: Readable | undefined;

  constructor(response: HttpResponse) {
    this.channel = messageOf(response);
  }

  isOpen(): boolean {
    return !this.channel.writableEnded && !this.channel.destroyed;
  }

  onClose(listener: () => void): void {
    this.channel.once('pipe', (source: Readable) => (this.source = source));
    this.channel.once('close', listener);
  }

  /** The client sees a response that has ended. Its connection is closed with it: that is what Nest unsubscribes the handler's Observable by. */
  end(): void {
    const socket: Socket | null = this.channel.socket;
    // An event after the end would be an error of the response.
    this.source?.unpipe(this.channel);
    this.channel.end();
    // Over HTTP/2 the connection carries other requests, too.
    if (socket === null || 'stream' in this.channel) return;
    socket.destroySoon();
    hangUpUnlessClosed(socket, () => socket.destroy());
  }
}
