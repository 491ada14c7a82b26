import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { freePort } from '../../lib/testing/index.js';
import { isOfFeed } from './feed.js';
import { type Fate, ProxyConnection } from './proxy-connection.js';

/** Picks a command by its arguments, the name first, or by the port of the client that sends it. */
export type CommandMatch = (args: string[], port?: number) => boolean;

/** What becomes of connections: passed on; not accepted at all; accepted and closed at once; accepted and never answered. */
type Mode = 'healthy' | 'refuse' | 'accept-then-close' | 'silent';

/**
 * A TCP proxy before a Redis server that fails on demand, and counts what passes.
 *
 * Each fault sets in before its method returns and lasts until {@link heal}.
 */
export class FaultProxy implements AsyncDisposable {
  /** What to give a client instead of the server's own url. */
  readonly url: string;
  /** Connections accepted so far. */
  connections = 0;
  /** Commands that clients sent, by upper-case name; neither those that a script runs nor those that follow the feed are among them. */
  readonly commands = new Map<string, number>();
  /** Bytes passed on, from clients and to them. */
  readonly bytes = { up: 0, down: 0 };
  /** Milliseconds by which each direction is late. */
  delay = 0;
  private mode: Mode = 'healthy';
  private server: Server | undefined;
  private readonly open = new Set<ProxyConnection>();
  private trap: Trap | undefined;

  private constructor(
    private readonly target: NetConnectOpts,
    serverUrl: string,
    readonly port: number,
  ) {
    this.url = urlThrough(serverUrl, port);
  }

  /** @param url of the server: `redis://`, `rediss://` or the path of a unix socket */
  static async open(url: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetOf(url), url, await freePort());
    await proxy.listen();
    return proxy;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.open.size;
  }

  /** How many commands clients sent, those of some names left out. */
  commandCount(options: { except?: readonly string[] } = {}): number {
    let sum = 0;
    for (const [name, count] of this.commands) if (!options.except?.includes(name)) sum += count;
    return sum;
  }

  /** Closes what is open, with a RST; new connections work. */
  cut(): void {
    for (const connection of [...this.open]) connection.reset();
  }

  /** ECONNREFUSED for everyone; what is open is closed. */
  async refuse(): Promise<void> {
    this.mode = 'refuse';
    const closed = this.server && once(this.server, 'close');
    this.server?.close();
    this.server = undefined;
    this.cut();
    await closed;
  }

  /** As a load balancer without a server behind it; what is open is closed. */
  acceptThenClose(): void {
    this.mode = 'accept-then-close';
    this.cut();
  }

  /** Nothing comes through any more in either direction, connections stay open and new ones are accepted. */
  silence(): void {
    this.mode = 'silent';
    for (const connection of this.open) connection.muted = true;
  }

  /**
   * The next command that matches (by default any but those that follow the feed) is executed, its reply is lost, and its connection is cut. Replies to whatever else
   * is in flight on that connection are lost with it. Resolves when that has happened.
   */
  dropNextReply(match: CommandMatch = isNoFeed): Promise<void> {
    return this.setTrap('reply', match);
  }

  /** The next command that matches never reaches the server, and its connection is cut. Resolves when that has happened. */
  dropNextRequest(match: CommandMatch = isNoFeed): Promise<void> {
    return this.setTrap('request', match);
  }

  /**
   * What comes next over one of these connections, told by the port of their client, or the reply to it, is lost, whatever it is: bytes
   * that cannot be read, as those of TLS, too. Its connection is cut. Resolves when that has happened.
   */
  loseNext(drop: Trap['drop'], ports: ReadonlySet<number>): Promise<void> {
    return this.setTrap(drop, (_args, port) => port !== undefined && ports.has(port), true);
  }

  /** Ends every fault. Connections that lost bytes are cut, since nothing sensible can come of them. */
  async heal(): Promise<void> {
    this.mode = 'healthy';
    this.delay = 0;
    this.trap = undefined;
    for (const connection of [...this.open]) if (connection.muted) connection.reset();
    if (!this.server) await this.listen();
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private setTrap(drop: Trap['drop'], match: CommandMatch, unread = false): Promise<void> {
    if (this.trap) throw new Error('a command is already waited for');
    return new Promise((sprung) => (this.trap = { drop, match, unread, sprung }));
  }

  private async listen(): Promise<void> {
    this.server = createServer({ noDelay: true }, (client) => this.accept(client)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  private accept(client: Socket): void {
    this.connections++;
    if (this.mode === 'accept-then-close') {
      client.on('error', () => undefined).destroy();
      return;
    }
    const connection = new ProxyConnection(client, this.target, {
      delay: () => this.delay,
      passed: (direction, count) => void (this.bytes[direction] += count),
      command: (args, port) => this.fateOf(args, port),
      closed: () => void this.open.delete(connection),
    });
    connection.muted = this.mode === 'silent';
    this.open.add(connection);
  }

  private fateOf(args: string[], port: number | undefined): Fate | undefined {
    const name = args[0]?.toUpperCase();
    if (name !== undefined && !isOfFeed(args)) this.commands.set(name, (this.commands.get(name) ?? 0) + 1);
    const trap = this.trap;
    if (trap === undefined || (name === undefined && !trap.unread) || !trap.match(args, port)) return undefined;
    this.trap = undefined;
    return { drop: trap.drop, nonce: name === undefined ? undefined : randomBytes(16).toString('hex'), done: trap.sprung };
  }
}

const isNoFeed: CommandMatch = (args) => !isOfFeed(args);

interface Trap {
  drop: Fate['drop'];
  match: CommandMatch;
  /** Also by what cannot be read as a command. */
  unread: boolean;
  sprung: () => void;
}

function targetOf(url: string): NetConnectOpts {
  if (url.startsWith('/')) return { path: url };
  const { hostname, port } = new URL(url);
  return { host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) };
}

function urlThrough(url: string, port: number): string {
  if (url.startsWith('/')) return `redis://127.0.0.1:${port}`;
  const through = new URL(url);
  through.port = String(port);
  return through.href;
}
