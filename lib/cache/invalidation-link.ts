import type { Redis } from 'ioredis';
import { closeClient } from '../redis/index.js';

/** What a link hears. */
export interface LinkEvents {
  /** A key was changed, by whomever, expired, or was evicted. */
  changed(key: string): void;
  /** Everything may have changed: the link begins or has ended, or the database was emptied. */
  lost(): void;
  /** Redis does not let us listen. */
  refused(error: Error): void;
}

/** On which the server tells of what is tracked. */
export const CHANNEL = '__redis__:invalidate';
const RETRY_MS = 500;

/**
 * A connection to one master over which it tells of every change under some prefixes: server-assisted tracking in
 * broadcast mode, redirected to the connection itself, which needs RESP2 (ioredis drops such messages under RESP3). It
 * is armed anew whenever it was made anew, since tracking ends with a connection.
 */
export class InvalidationLink {
  private readonly link: Redis;
  private armed = false;
  private answeredAt = -Infinity;

  constructor(
    master: Redis,
    private readonly prefixes: readonly string[],
    private readonly events: LinkEvents,
  ) {
    this.link = master.duplicate({
      protocol: 2,
      lazyConnect: false,
      enableOfflineQueue: true,
      autoResubscribe: false,
      readOnly: false,
      retryStrategy: () => RETRY_MS,
    });
    this.link.on('error', () => undefined);
    this.link.on('ready', () => void this.arm());
    this.link.on('close', () => this.disarm());
    this.link.on('messageBuffer', (_channel: Buffer, keys: Buffer[] | null) => {
      if (keys === null) events.lost();
      else for (const key of keys) events.changed(key.toString());
    });
  }

  /** When a PING was sent that is the last one to be answered: what was changed before then has been told. */
  get heardUntil(): number {
    return this.armed ? this.answeredAt : -Infinity;
  }

  /** Settles when it was answered or was not. */
  async ping(): Promise<void> {
    if (!this.armed) return;
    const sentAt = performance.now();
    try {
      await this.link.ping();
      if (sentAt > this.answeredAt) this.answeredAt = sentAt;
    } catch {
      // it is not heard from, which is all there is to know
    }
  }

  async close(): Promise<void> {
    this.disarm();
    await closeClient(this.link);
  }

  private async arm(): Promise<void> {
    try {
      const id = await this.link.client('ID');
      const prefixes = this.prefixes.flatMap((prefix) => ['PREFIX', prefix]);
      await this.link.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', ...prefixes);
      const sentAt = performance.now();
      await this.link.subscribe(CHANNEL);
      this.events.lost();
      this.answeredAt = sentAt;
      this.armed = true;
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') this.events.refused(error);
      else if (this.link.status === 'ready') this.link.disconnect(true);
    }
  }

  private disarm(): void {
    if (!this.armed) return;
    this.armed = false;
    this.events.lost();
  }
}
