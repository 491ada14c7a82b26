import { Logger } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import { from, stateChanges } from '../diagnostics/index.js';
import { RedisAuthError, StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { Again, RedisAuthConnection, RedisClient } from '../redis/index.js';
import type { CacheEvent } from './cache-types.js';

const PROBE_EVERY_MS = 200;
const WARN_AGAIN_MS = 60_000;

/**
 * Redis as a cache asks it: a failure is no error but no answer, and while Redis does not answer it is not asked, so that
 * an outage costs the first of those who meet it their wait and nobody else anything.
 */
export class Availability {
  readonly events = new Observable<CacheEvent>((subscriber) => this.subject.subscribe(subscriber));

  private readonly subject = new Subject<CacheEvent>();
  private readonly logger = new Logger('RedisAuthCache');
  private readonly ready: (() => void)[] = [];
  private broken = false;
  /** Whether Redis answered who asked it at once after the failure that broke it. */
  private answered = Promise.resolve(false);
  private outage = false;
  private probe: NodeJS.Timeout | undefined;
  private closed = false;
  private refusedAt = -Infinity;

  constructor(private readonly connection: RedisAuthConnection) {
    connection.on('ready', this.reconnected);
  }

  /** Whether it is worth while to ask. */
  get isOpen(): boolean {
    return !this.broken;
  }

  /** One call; undefined where Redis could not be asked, which nobody is told but the log and the events. */
  async attempt<T extends object | string | number | null>(
    operation: string,
    send: (client: RedisClient, again: Again) => Promise<T>,
  ): Promise<T | undefined> {
    return this.broken ? undefined : this.send(operation, send);
  }

  /**
   * {@link attempt} of what would leave something old behind if it were not sent. One call that took too long, perhaps
   * because this process was busy, does not mean that Redis is gone: it is asked once, and this waits for its answer.
   */
  async insist<T extends object | string | number | null>(
    operation: string,
    send: (client: RedisClient, again: Again) => Promise<T>,
  ): Promise<T | undefined> {
    if (!this.broken) return this.send(operation, send);
    const { answered } = this;
    if (!(await answered)) return undefined;
    const result = await this.send(operation, send);
    if (result === undefined && this.answered === answered) this.answered = Promise.resolve(false);
    return result;
  }

  private async send<T extends object | string | number | null>(
    operation: string,
    send: (client: RedisClient, again: Again) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      const result = await this.connection.execute(operation, send);
      if (this.outage) this.available();
      return result;
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Asks even while it is not worth while for others. */
  async ask(): Promise<boolean> {
    try {
      await this.connection.ping();
    } catch (error) {
      this.failed(error);
      return false;
    }
    this.mend();
    return true;
  }

  /** Told whenever a connection was made, perhaps to another server than before. */
  onReady(listener: () => void): void {
    this.ready.push(listener);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.probe);
    this.connection.off('ready', this.reconnected);
    this.subject.complete();
  }

  private failed(error: unknown): void {
    if (!(error instanceof StoreUnavailableError || error instanceof StoreFullError)) throw error;
    if (this.closed) return;
    // A Redis that answers, if with a refusal, is there: other calls may do better.
    if (error instanceof StoreFullError || (error.cause instanceof Error && error.cause.name === 'ReplyError')) return this.refused(error);
    if (!this.broken)
      this.answered = this.connection.ping().then(
        () => true,
        () => false,
      );
    this.broken = true;
    this.scheduleProbe();
    if (this.outage) return;
    this.outage = true;
    this.logger.warn(`${reasonOf(error)}; the cache does without Redis until it is back`);
    this.subject.next({ type: 'unavailable', at: new Date(), error });
    this.tell('down');
  }

  private refused(error: RedisAuthError): void {
    const now = performance.now();
    if (now - this.refusedAt < WARN_AGAIN_MS) return;
    this.refusedAt = now;
    this.logger.warn(`${reasonOf(error)}; the cache does without what Redis refuses`);
    this.subject.next({ type: 'unavailable', at: new Date(), error });
  }

  private available(): void {
    this.outage = false;
    this.logger.log('Redis answers the cache again');
    this.subject.next({ type: 'available', at: new Date() });
    this.tell('up');
  }

  private tell(state: 'up' | 'down'): void {
    if (stateChanges.hasSubscribers) stateChanges.publish({ ...from(this.connection.observer), part: 'cache', state });
  }

  private readonly reconnected = (): void => {
    this.mend();
    for (const listener of this.ready) listener();
  };

  private readonly mend = (): void => {
    this.broken = false;
    clearTimeout(this.probe);
    this.probe = undefined;
  };

  private scheduleProbe(): void {
    if (this.probe !== undefined || this.closed) return;
    this.probe = setTimeout(() => {
      this.probe = undefined;
      this.connection.ping().then(
        () => this.mend(),
        () => this.broken && this.scheduleProbe(),
      );
    }, PROBE_EVERY_MS).unref();
  }
}

function reasonOf(error: RedisAuthError): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
