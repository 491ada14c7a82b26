import { EventEmitter } from 'node:events';
import { assertText } from '../data/index.js';
import { type Observer, Traced } from '../diagnostics/index.js';
import type { ResolvedConnection } from '../options/index.js';
import { describeAddress } from './address.js';
import { type Again, BoundedCalls } from './bounded-calls.js';
import { createClient } from './client-profile.js';
import { closeClient } from './close-client.js';
import { everyMaster, isCluster } from './cluster.js';
import { assertEvent, type ConnectionEvents } from './connection-events.js';
import { databaseOf } from './database.js';
import { ConnectionWatch } from './connection-watch.js';
import { Gate } from './gate.js';
import type { RedisClient } from './redis-client.js';
import { RefusedCalls } from './refused-calls.js';
import { storeUnavailable } from './store-errors.js';
import { WriteJoining } from './write-joining.js';

export type { Again };

/** How a {@link RedisAuthConnection} behaves. */
export interface ConnectionSettings {
  /** Bounds each call as a whole. */
  commandTimeoutMs: number;
  /** Name of the registration it is of; none for what was made by hand. */
  instance?: string;
  /** Whether diagnostics channels tell ids. @default false */
  traceIds?: boolean;
}

/**
 * The connection to Redis that everything of one registration of the module shares: one server, a master behind
 * Sentinels, or a Cluster. Injectable.
 *
 * A call waits for a connection that is being made and fails at once while there is none; either way it settles
 * within `commandTimeout`, and what failed for lack of a connection is never sent later.
 */
@Traced<RedisAuthConnection>('connection', ['ping', 'info', 'dbSize'])
export class RedisAuthConnection {
  /** On whose behalf all that share this connection tell what they do. @internal */
  readonly observer: Observer;

  /**
   * The ioredis client, for commands of your own. It knows nothing of `keyPrefix` and none of the promises made
   * here but its options: with the package's own client a command is bounded by `commandTimeout` and rejects with
   * errors of ioredis, whose `command.args` hold keys and values.
   */
  readonly client: RedisClient;

  private readonly events = new EventEmitter<ConnectionEvents>();
  private readonly gate = new Gate();
  private readonly watch: ConnectionWatch;
  private readonly refused: RefusedCalls;
  private readonly calls: BoundedCalls;
  private readonly isOurs: boolean;
  private readonly links = new Set<RedisClient>();
  private started = false;
  private readonly ending = new AbortController();
  private closing: Promise<void> | undefined;

  constructor(
    connection: ResolvedConnection,
    private readonly settings: ConnectionSettings,
  ) {
    const { instance, traceIds = false } = settings;
    this.observer = { ...(instance !== undefined && { instance }), tellsIds: traceIds };
    this.client = createClient(connection, settings.commandTimeoutMs);
    this.isOurs = connection.kind !== 'client';
    const address = describeAddress(connection);
    this.watch = new ConnectionWatch(this.client, connection, address, this.gate, this.events, this.observer);
    this.refused = new RefusedCalls(address, this.events);
    this.events.on('ready', () => this.refused.forget());
    const writes = this.isOurs ? new WriteJoining(this.client) : undefined;
    this.calls = new BoundedCalls(this.client, this.gate, this.refused, writes, settings.commandTimeoutMs, () => this.start());
  }

  /** Whether calls are sent at once. @internal */
  get isUsable(): boolean {
    return this.gate.isOpen;
  }

  /** Whether Redis answers, but refuses calls. @internal */
  get isRefusing(): boolean {
    return this.refused.hasAny;
  }

  /** Aborted as soon as it is being closed. @internal */
  get closed(): AbortSignal {
    return this.ending.signal;
  }

  /** It was closed, or is being closed. @internal */
  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** Bounds each call as a whole. @internal */
  get commandTimeoutMs(): number {
    return this.settings.commandTimeoutMs;
  }

  /**
   * Asks Redis for a sign of life; of a Cluster, any one master. One round trip.
   *
   * @throws StoreUnavailableError
   */
  ping(): Promise<'PONG'> {
    return this.execute('connection.ping', (client) => client.ping());
  }

  /**
   * What the server tells about itself, as the text of INFO; of a Cluster, any one master. One round trip.
   *
   * @param section as `memory` or `server`; all default ones when left out
   * @throws InvalidArgumentError, StoreUnavailableError
   */
  async info(section?: string): Promise<string> {
    if (section === undefined) return this.execute('connection.info', (client) => client.info());
    assertText('section', section, 64);
    return this.execute('connection.info', (client) => client.info(section));
  }

  /**
   * Number of keys in the database, those of others included; of a Cluster, the sum of all masters. One round trip.
   *
   * @throws StoreUnavailableError
   */
  dbSize(): Promise<number> {
    return this.execute('connection.dbSize', async (client) => {
      const sizes: (number | string)[] = await Promise.all(everyMaster(client).map((node) => node.dbsize()));
      // The application's own client may be set to give numbers as text.
      return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
    });
  }

  /**
   * Listens to the connection: `connected` (the socket is up), `ready` (checked and usable), `disconnected`,
   * and `error` (why it cannot be used, or by what Redis refuses calls; once per outage and cause, without command
   * arguments). Nothing needs a listener.
   * The module connects before anything can be injected: a listener of `connected` or `ready` that comes when that is
   * already so is told in the next tick.
   *
   * @throws InvalidArgumentError for any other event
   */
  on(event: 'ready' | 'connected' | 'disconnected', listener: () => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: keyof ConnectionEvents, listener: (error: Error) => void): this {
    assertEvent(event, listener);
    this.events.on(event, listener as () => void);
    const isSo = event === 'ready' ? this.gate.isOpen : event === 'connected' && this.watch.isConnected;
    if (isSo) process.nextTick(listener as () => void);
    return this;
  }

  /** Takes a listener of {@link on} away. @throws InvalidArgumentError for an event that does not exist */
  off(event: 'ready' | 'connected' | 'disconnected', listener: () => void): this;
  off(event: 'error', listener: (error: Error) => void): this;
  off(event: keyof ConnectionEvents, listener: (error: Error) => void): this {
    assertEvent(event, listener);
    this.events.off(event, listener as () => void);
    return this;
  }

  /**
   * Connects; settles when the connection is usable, when the first attempt failed, or after `commandTimeout`.
   * A Redis that is not there is no error: it is logged, and used as soon as it is.
   *
   * @throws RedisAuthConfigError where Redis answers but refuses: credentials, database, certificate, version
   * @internal
   */
  async open(): Promise<void> {
    if (this.closing) return;
    this.start();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.settings.commandTimeoutMs)));
    try {
      await Promise.race([this.watch.firstOutcome(), deadline]);
      if (!this.gate.isOpen) this.watch.stillConnecting();
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes what this package opened, within 2 s in every state; calls fail from now on. @internal */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  /**
   * One public call: waits for `before` and for a usable connection, runs `send`, settles within `commandTimeout`. A
   * late result is dropped. Errors of the driver become StoreUnavailableError or StoreFullError, those of this package
   * pass through. What `send` sends after it has waited for something goes to `again()`, which throws where the caller
   * has been told meanwhile that the call failed.
   *
   * @internal
   */
  execute<T>(operation: string, send: (client: RedisClient, again: Again) => Promise<T>, before?: Promise<unknown>): Promise<T> {
    return this.calls.execute(operation, send, before);
  }

  /**
   * A connection of our own to the same place, for subscriptions; closed by {@link close}. It reconnects by itself
   * but does not subscribe again by itself: subscribe on each of its `ready` events, and handle the rejection.
   *
   * @internal
   */
  openLink(): RedisClient {
    if (this.closing) throw storeUnavailable('connection.openLink', false, new Error('the connection has been closed'));
    // An automatic SUBSCRIBE is awaited by nobody; failing, it would end the process.
    const options = { lazyConnect: false, enableOfflineQueue: true, autoResubscribe: false };
    // What a replica has not heard of yet is not to be read there.
    const link = isCluster(this.client)
      ? this.client.duplicate([], { ...options, scaleReads: 'master' })
      : this.client.duplicate({ ...options, db: databaseOf(this.client) });
    link.on('error', () => undefined);
    this.links.add(link);
    return link;
  }

  private start(): void {
    if (this.started || this.closing) return;
    this.started = true;
    this.watch.start();
  }

  private async shutDown(): Promise<void> {
    this.ending.abort();
    this.gate.shutForGood(new Error('the connection has been closed'));
    this.watch.stop();
    const clients = this.isOurs ? [this.client, ...this.links] : [...this.links];
    await Promise.all(clients.map(closeClient));
    this.links.clear();
  }
}
