import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { CommandReader } from './resp.js';

/** A command whose request or reply shall be lost. */
export interface Fate {
  drop: 'request' | 'reply';
  /** Text that stands nowhere else in the stream; none where nothing of ours can be put into it. */
  nonce: string | undefined;
  done: () => void;
}

/** What a connection asks its proxy. */
export interface ProxyHooks {
  delay(): number;
  passed(direction: 'up' | 'down', bytes: number): void;
  command(args: string[], port: number | undefined): Fate | undefined;
  closed(): void;
}

/** One client and its connection to the server behind the proxy. */
export class ProxyConnection {
  /** Bytes of both directions are thrown away. */
  muted = false;
  private readonly port: number | undefined;
  private readonly upstream: Socket;
  private readonly reader = new CommandReader();
  private readonly up: DelayedWriter;
  private readonly down: DelayedWriter;
  private fate: Fate | undefined;
  private afterFate = '';

  constructor(
    private readonly client: Socket,
    target: NetConnectOpts,
    private readonly hooks: ProxyHooks,
  ) {
    this.port = client.remotePort;
    this.upstream = connect(target);
    this.up = new DelayedWriter(this.upstream, (count) => hooks.passed('up', count));
    this.down = new DelayedWriter(client, (count) => hooks.passed('down', count));
    client.on('data', (chunk) => this.fromClient(chunk));
    this.upstream.on('data', (chunk) => this.fromServer(chunk));
    for (const socket of [client, this.upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', () => this.close());
    }
  }

  /** Cuts both ends at once. */
  reset(): void {
    if (!this.client.destroyed) this.client.resetAndDestroy();
    this.close();
  }

  private close(): void {
    this.client.destroy();
    this.upstream.destroy();
    this.hooks.closed();
  }

  private fromClient(chunk: Buffer): void {
    if (this.muted) return;
    for (const { args, bytes } of this.reader.read(chunk)) {
      if (this.fate && this.fate.nonce !== undefined) return;
      // what cannot be read may be no more than a part of a command
      this.fate ??= this.hooks.command(args, this.port);
      if (this.fate?.drop === 'request') return this.fulfil(this.fate);
      this.up.write(bytes, this.hooks.delay());
      // Answered after the command itself: once the nonce comes back the command has surely been executed.
      if (this.fate?.nonce !== undefined) this.up.write(Buffer.from(`*2\r\n$4\r\nECHO\r\n$32\r\n${this.fate.nonce}\r\n`), 0);
    }
  }

  private fromServer(chunk: Buffer): void {
    if (this.muted) return;
    if (!this.fate) return this.down.write(chunk, this.hooks.delay());
    if (this.fate.nonce === undefined) return this.fulfil(this.fate);
    this.afterFate += chunk.toString('latin1');
    // A user who may not ECHO is told so, in its place.
    if (this.afterFate.includes(this.fate.nonce) || this.afterFate.includes("'echo' command")) this.fulfil(this.fate);
  }

  private fulfil(fate: Fate): void {
    this.reset();
    fate.done();
  }
}

/** Writes late, and in order even when the delay changes. */
class DelayedWriter {
  private lastDue = 0;
  private readonly late: Buffer[] = [];

  constructor(
    private readonly socket: Socket,
    private readonly written: (bytes: number) => void,
  ) {}

  write(chunk: Buffer, delay: number): void {
    const now = performance.now();
    this.lastDue = Math.max(now + delay, this.lastDue);
    if (this.late.length === 0 && this.lastDue <= now) return this.send(chunk);
    this.late.push(chunk);
    // Two timers may come due in either order, since their milliseconds are rounded: whichever does, it takes the oldest.
    setTimeout(() => this.send(this.late.shift()!), this.lastDue - now).unref();
  }

  private send(chunk: Buffer): void {
    if (this.socket.destroyed) return;
    this.socket.write(chunk);
    this.written(chunk.length);
  }
}
