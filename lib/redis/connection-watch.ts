import type { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import { from, type Observer, stateChanges } from '../diagnostics/index.js';
import { RedisAuthConfigError, withoutArguments } from '../errors/index.js';
import type { ResolvedConnection } from '../options/index.js';
import { connectNode, isCluster, whyUnreachable } from './cluster.js';
import type { ConnectionEvents } from './connection-events.js';
import type { Gate } from './gate.js';
import type { RedisClient } from './redis-client.js';
import { explainTrouble, inWords } from './trouble.js';
import { probe } from './server-probe.js';

const PROBE_AGAIN_MS = 500;
const DIAGNOSED_WITHIN_MS = 2_000;

/**
 * Follows a client's connection: opens the gate when it is ready and was probed, shuts it when that failed, and
 * tells the application and the log, once per outage.
 */
export class ConnectionWatch {
  private readonly logger = new Logger('RedisAuthConnection');
  private readonly listeners: readonly (readonly [string, (...args: never[]) => void])[];
  private readonly onOutcome: { resolve: () => void; reject: (error: Error) => void }[] = [];
  private decided = false;
  /** The socket is up. */
  isConnected = false;
  /** Counts probes, so that the answer to one on a lost connection is not taken for the present one's. */
  private probes = 0;
  private probeTimer: NodeJS.Timeout | undefined;
  private isDiagnosing = false;
  private readonly stopping = new AbortController();
  private outage: { since: number; lastMessage: string } | undefined;
  private warnedOfUnknownVersion = false;

  constructor(
    private readonly client: RedisClient,
    private readonly connection: ResolvedConnection,
    private readonly address: string,
    private readonly gate: Gate,
    private readonly events: EventEmitter<ConnectionEvents>,
    private readonly observer: Observer,
  ) {
    this.listeners = [
      ['connect', () => this.connected()],
      ['ready', () => void this.verify()],
      ['error', (error: Error) => this.failed(error)],
      ['close', () => this.closed()],
      ['end', () => this.closed()],
      ...(isCluster(client) ? ([['+node', this.connectNewNode]] as const) : []),
    ];
  }

  /** Takes the connection as it is and makes it where nobody has yet. */
  start(): void {
    const emitter: EventEmitter = this.client;
    for (const [event, listener] of this.listeners) emitter.on(event, listener as () => void);
    switch (this.client.status) {
      case 'wait':
        this.client.connect().catch(() => undefined);
        break;
      case 'ready':
        this.connected();
        void this.verify();
        break;
      case 'connect':
        this.connected();
        break;
      case 'end':
        this.unavailable(new Error('the client was closed'));
    }
  }

  stop(): void {
    this.stopping.abort();
    this.probes++;
    clearTimeout(this.probeTimer);
    const emitter: EventEmitter = this.client;
    for (const [event, listener] of this.listeners) emitter.off(event, listener as () => void);
  }

  /** Resolves when the first attempt to connect has come to something; rejects with a RedisAuthConfigError where we were refused. */
  firstOutcome(): Promise<void> {
    if (this.decided) return Promise.resolve();
    return new Promise((resolve, reject) => this.onOutcome.push({ resolve, reject }));
  }

  /** The first attempt is taking too long: say so, and let calls go on waiting for it. */
  stillConnecting(): void {
    if (this.outage || this.decided || this.stopping.signal.aborted) return;
    this.decided = true;
    this.outage = { since: Date.now(), lastMessage: '' };
    this.logger.warn(`Redis at ${this.address} has not answered yet; calls fail until it does`);
    this.tell('down', 'connection-timeout');
  }

  private tell(state: 'up' | 'down', reason?: string): void {
    if (!stateChanges.hasSubscribers) return;
    stateChanges.publish({ ...from(this.observer), part: 'redis', state, ...(reason !== undefined && { reason }) });
  }

  private readonly connectNewNode = (node: Parameters<typeof connectNode>[0]): void => {
    // Before that, ioredis itself asks the first nodes for the cluster's state.
    if (this.client.status === 'ready') connectNode(node);
  };

  private connected(): void {
    if (this.isConnected) return;
    this.isConnected = true;
    this.events.emit('connected');
  }

  private async verify(): Promise<void> {
    clearTimeout(this.probeTimer);
    const current = ++this.probes;
    let versionKnown: boolean;
    try {
      ({ versionKnown } = await probe(this.client));
    } catch (error) {
      if (current !== this.probes) return;
      this.failed(error as Error);
      this.probeTimer = setTimeout(() => void this.verify(), PROBE_AGAIN_MS);
      return;
    }
    // Apart from the probe: what an application's listener throws is its own affair, and no reason to probe again.
    if (current === this.probes) this.available(versionKnown);
  }

  private available(versionKnown: boolean): void {
    if (!versionKnown && !this.warnedOfUnknownVersion) {
      this.warnedOfUnknownVersion = true;
      this.logger.warn(`Redis at ${this.address}: its version is unknown, INFO is not allowed; Redis 7.0 or Valkey 7.2 is needed`);
    }
    if (this.outage) {
      this.logger.log(`Redis at ${this.address} is available again after ${((Date.now() - this.outage.since) / 1000).toFixed(1)} s`);
      this.outage = undefined;
      this.tell('up');
    }
    this.gate.open();
    this.settleOutcome();
    this.events.emit('ready');
  }

  /** The end of an attempt without an answer, or of a good connection: then the next attempt, which is due, decides. */
  private closed(): void {
    this.probes++;
    clearTimeout(this.probeTimer);
    const wasOpen = this.gate.isOpen;
    if (this.isConnected) {
      this.isConnected = false;
      this.events.emit('disconnected');
    }
    if (this.isDiagnosing) return;
    if (this.client.status === 'end') this.unavailable(new Error('the connection was closed'));
    else if (wasOpen) this.gate.hold();
    else if (this.gate.isHolding) this.unavailable(new Error('the connection was closed before it was ready'));
  }

  private failed(error: Error): void {
    // Of a good connection: its close follows and decides.
    if (this.gate.isOpen) return;
    const lastNodeError = 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : undefined;
    if (!isCluster(this.client) || this.connection.kind !== 'cluster' || lastNodeError?.message !== 'Connection is closed.') {
      return this.unavailable(withoutArguments(lastNodeError ?? error));
    }
    if (this.outage || this.isDiagnosing) return;
    this.isDiagnosing = true;
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(DIAGNOSED_WITHIN_MS)]);
    void whyUnreachable(this.client, this.connection.nodes[0], signal).then((reason = lastNodeError) => {
      this.isDiagnosing = false;
      if (!this.stopping.signal.aborted && !this.gate.isOpen) this.unavailable(withoutArguments(reason));
    });
  }

  private unavailable(reason: Error): void {
    this.gate.shut(reason);
    const isNew = this.outage === undefined;
    if (this.outage?.lastMessage === reason.message) return;
    this.outage = { since: this.outage?.since ?? Date.now(), lastMessage: reason.message };
    const trouble = explainTrouble(reason);
    if (isNew) this.tell('down', trouble?.code ?? 'unknown');
    if (trouble?.isRefusal !== true) {
      const why = trouble === undefined ? reason.message : `${reason.message}: ${inWords(trouble)}`;
      if (isNew) this.logger.warn(`Redis at ${this.address} is not available (${why}); calls fail until it is back`);
    } else {
      const refusal = inWords(trouble);
      const issue = { path: 'redis', message: `${this.address}: ${refusal}` };
      // At boot the error itself says so.
      if (this.decided) this.logger.error(`Redis at ${this.address} refuses us: ${refusal}`);
      this.settleOutcome(new RedisAuthConfigError([issue], { cause: reason }));
    }
    this.settleOutcome();
    if (this.events.listenerCount('error') > 0) this.events.emit('error', reason);
  }

  private settleOutcome(error?: RedisAuthConfigError): void {
    if (this.decided) return;
    this.decided = true;
    for (const { resolve, reject } of this.onOutcome.splice(0)) {
      if (error) reject(error);
      else resolve();
    }
  }
}
