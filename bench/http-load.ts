import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * Keeps a server of this machine busy over connections that stay open, one request at a time on each. Leaner than any
 * client of HTTP, since it has to keep up with what it measures from a core of its own: answers of one route are all of
 * one length, which is read off the first.
 */
export class HttpLoad {
  private constructor(private readonly lanes: readonly Lane[]) {}

  static async open(port: number, requests: readonly Buffer[], connections = 50): Promise<HttpLoad> {
    const lanes = Array.from({ length: connections }, (_, lane) => {
      const socket = connect(port, '127.0.0.1').setNoDelay();
      // each connection in another place, so that the same token is not on all of them at once
      return new Lane(socket, requests, Math.floor((lane * requests.length) / connections));
    });
    await Promise.all(lanes.map(({ socket }) => once(socket, 'connect')));
    return new HttpLoad(lanes);
  }

  /** Resolves to how many requests were answered. */
  async run(ms: number): Promise<number> {
    const end = performance.now() + ms;
    const answered = await Promise.all(this.lanes.map((lane) => lane.run(end)));
    return answered.reduce((sum, count) => sum + count, 0);
  }

  close(): void {
    for (const { socket } of this.lanes) socket.destroy();
  }
}

export function getRequest(path: string, header: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n${header === '' ? '' : `${header}\r\n`}\r\n`);
}

const SUCCESS = Buffer.from('HTTP/1.1 2');

class Lane {
  private length = 0;
  private received = 0;
  private answered = 0;
  private end = 0;
  private done: (count: number) => void = () => undefined;
  private failed: (error: Error) => void = () => undefined;

  constructor(
    readonly socket: Socket,
    private readonly requests: readonly Buffer[],
    private next: number,
  ) {
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.failed(error));
    socket.on('close', () => this.failed(new Error('the server has closed a connection')));
  }

  run(end: number): Promise<number> {
    this.end = end;
    this.answered = 0;
    return new Promise((resolve, reject) => {
      this.done = resolve;
      this.failed = reject;
      if (this.socket.destroyed) reject(new Error('the server has closed a connection'));
      else this.send();
    });
  }

  private send(): void {
    this.socket.write(this.requests[this.next++ % this.requests.length]!);
  }

  private take(chunk: Buffer): void {
    if (this.received === 0) {
      if (SUCCESS.compare(chunk, 0, SUCCESS.length) !== 0) return this.failed(new Error(`refused: ${chunk.toString('latin1', 0, 200)}`));
      if (this.length === 0) this.length = lengthOf(chunk);
    }
    this.received += chunk.length;
    if (this.received < this.length) return;
    if (this.received > this.length) return this.failed(new Error('answers of different lengths'));
    this.received = 0;
    this.answered += 1;
    if (performance.now() < this.end) this.send();
    else this.done(this.answered);
  }
}

function lengthOf(answer: Buffer): number {
  const head = answer.toString('latin1');
  const headEnd = head.indexOf('\r\n\r\n');
  const body = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (headEnd < 0 || body === undefined) throw new Error('an answer without a Content-Length');
  return headEnd + 4 + Number(body);
}
