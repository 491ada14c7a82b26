import { LockStoreUnavailableError } from '../errors/index.js';
import { randomText } from '../data/index.js';
import { isCluster, type RedisAuthConnection, type RedisClient } from '../redis/index.js';
import { notAsked } from './lock-calls.js';

const INSTANCE_BYTES = 15;
const AGAIN_MS = 250;

/** Somebody in this process who waits for a lock, or waited for the one that it holds. */
export interface Waiter {
  /** The lock was handed over. */
  granted(token: bigint): void;
  /** A message may have been missed: ask. */
  ask(): void;
}

/**
 * The messages by which locks are handed over, on a channel of this instance alone and over a link of their own, made when
 * somebody has to wait for the first time.
 *
 * Redis is not trusted to deliver: who waits asks when the link was made anew, and when the lease of the holder ends.
 */
export class HandOvers {
  isClosed = false;
  private readonly instance: string;
  private readonly channel: string;
  private readonly waiters = new Map<number, Waiter>();
  private link: RedisClient | undefined;
  private hearing = false;
  private probing = false;
  private refusal: unknown;
  private lastNumber = 0;
  private onceHearing: (() => void)[] = [];

  constructor(
    private readonly connection: RedisAuthConnection,
    keyPrefix: string,
    /** A lock was handed to somebody who does not wait any more. */
    private readonly giveBack: (stateKey: string, id: string) => void,
  ) {
    // The scripts read the first letter.
    this.instance = `${isCluster(connection.client) ? 'c' : 's'}${randomText(INSTANCE_BYTES)}`;
    this.channel = `${keyPrefix}w:${this.instance}`;
  }

  get isHearing(): boolean {
    return this.hearing;
  }

  nextNumber(): number {
    return ++this.lastNumber;
  }

  /** Nobody else's, ever: holders and waiters are known by it. */
  idOf(number: number): string {
    return `${this.instance}.${number}`;
  }

  add(number: number, waiter: Waiter): void {
    this.waiters.set(number, waiter);
  }

  remove(number: number): void {
    this.waiters.delete(number);
  }

  /**
   * Whether messages are heard within that time.
   *
   * @throws LockStoreUnavailableError if they are refused, or not heard within `commandTimeout`
   */
  async hear(operation: string, withinMs: number): Promise<boolean> {
    this.link ??= this.open(operation);
    if (this.hearing) return true;
    const longestMs = this.connection.commandTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.onceHearing.push(resolve);
      timer = setTimeout(resolve, Math.min(withinMs, longestMs));
    });
    clearTimeout(timer);
    if (this.hearing) return true;
    if (withinMs < longestMs && this.refusal === undefined) return false;
    const cause = this.refusal ?? new Error(`no connection for messages within ${longestMs} ms`);
    throw new LockStoreUnavailableError(operation, false, 1, { cause });
  }

  /** A link over which nothing comes any more looks like one over which there is nothing to be told: it has to answer, or is made anew. */
  probe(): void {
    const { link } = this;
    if (!this.hearing || this.probing || link === undefined || isCluster(link)) return;
    this.probing = true;
    const renew = (): void => {
      // a connection that is being made anew already is left to it
      if (link.status === 'ready') link.disconnect(true);
    };
    const timer = setTimeout(renew, this.connection.commandTimeoutMs);
    link.ping().then(
      () => this.probed(timer),
      () => {
        this.probed(timer);
        renew();
      },
    );
  }

  /** Everyone who waits asks, and learns that there is nothing to be had any more. */
  close(): void {
    this.isClosed = true;
    this.askAll();
  }

  private probed(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.probing = false;
  }

  private open(operation: string): RedisClient {
    const link = this.newLink(operation);
    link.on('ready', () => this.subscribe(link));
    link.on('close', () => {
      this.hearing = false;
      this.askAll();
    });
    link.on('message', (_channel: string, message: string) => this.receive(message));
    return link;
  }

  private newLink(operation: string): RedisClient {
    try {
      return this.connection.openLink();
    } catch (error) {
      return notAsked(operation, error);
    }
  }

  private subscribe(link: RedisClient): void {
    link.subscribe(this.channel).then(
      () => {
        this.hearing = true;
        this.refusal = undefined;
        this.tellHearing();
        // What was told while nobody listened.
        this.askAll();
      },
      (error: unknown) => {
        this.refusal = error;
        if (error instanceof Error && error.message.startsWith('NOPERM')) this.tellHearing();
        setTimeout(() => link.status === 'ready' && this.subscribe(link), AGAIN_MS).unref();
      },
    );
  }

  private tellHearing(): void {
    for (const resolve of this.onceHearing) resolve();
    this.onceHearing = [];
  }

  private askAll(): void {
    for (const waiter of [...this.waiters.values()]) waiter.ask();
  }

  /** `number token stateKey`, as the scripts write it; others may publish, too. */
  private receive(message: string): void {
    const [number = '', token = '', stateKey = ''] = message.split(' ');
    if (!/^\d{1,15}$/.test(number) || !/^\d{1,16}$/.test(token)) return;
    const waiter = this.waiters.get(Number(number));
    if (waiter === undefined) this.giveBack(stateKey, this.idOf(Number(number)));
    else waiter.granted(BigInt(token));
  }
}
