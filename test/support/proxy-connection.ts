import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { CommandReader } from './resp.js';

/** A command whose request or reply shall be lost. */
export interface Fate {
  drop: 'request' | 'reply';
  /** Text that stands nowhere else in the stream. */
  nonce: string;
  done: () => void;
}

/** What a connection asks its proxy. */
export interface ProxyHooks {
  delay(): number;
  passed(direction: 'up' | 'down', bytes: number): void;
  command(args: string[]): Fate | undefined;
  closed(): void;
}

/** One client and its connection to the server behind the proxy. */
export class ProxyConnection {
  /** Bytes of both directions are thrown away. */
  muted = false;
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
      if (this.fate) return;
      this.fate = this.hooks.command(args);
      if (this.fate?.drop === 'request') return this.fulfil(this.fate);
      this.up.write(bytes, this.hooks.delay());
      // Answered after the command itself: once the nonce comes back the command has surely been executed.
      if (this.fate) this.up.write(Buffer.from(`*2\r\n$4\r\nECHO\r\n$32\r\n${this.fate.nonce}\r\n`), 0);
    }
  }

  private fromServer(chunk: Buffer): void {
    if (this.muted) return;
    if (!this.fate) return this.down.write(chunk, this.hooks.delay());
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

  constructor(
    private readonly socket: Socket,
    private readonly written: (bytes: number) => void,
  ) {}

  write(chunk: Buffer, delay: number): void {
    const now = performance.now();
    this.lastDue = Math.max(now + delay, this.lastDue);
    if (this.lastDue <= now) this.send(chunk);
    else setTimeout(() => this.send(chunk), this.lastDue - now).unref();
  }

  private send(chunk: Buffer): void {
    if (this.socket.destroyed) return;
    this.socket.write(chunk);
    this.written(chunk.length);
  }
}
