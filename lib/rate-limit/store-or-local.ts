import { Logger } from '@nestjs/common';
import { from, stateChanges } from '../diagnostics/index.js';
import { StoreFullError, StoreUnavailableError } from '../errors/index.js';
import type { Again, RedisAuthConnection, RedisClient } from '../redis/index.js';
import { AnswerDeadline } from './answer-deadline.js';
import { PROBE } from './bucket.lua.js';

/** So long no answer at all to anything that was asked: longer than a slow answer takes, shorter than a call may. */
const SILENCE_MS = 500;
const PROBE_AFTER_MS = 250;

/** One question to Redis; null says that it came too late and was not carried out. */
export type Ask<T> = (client: RedisClient, again: Again) => Promise<T | null>;

interface Waiting {
  readonly key: string;
  readonly decideHere: () => void;
}

/**
 * Asks Redis, and decides in this process while it does not answer: at once where there is no connection, after
 * half a second in which nothing at all was answered where it hangs, and from then on without asking, until a probe
 * (every 250 ms as long as anybody asks) or a new connection shows that it is there again.
 */
export class StoreOrLocal {
  readonly clock = new AnswerDeadline();
  private readonly logger = new Logger('RateLimiter');
  private readonly waiting = new Set<Waiting>();
  private readonly silenceMs: number;
  private timer: NodeJS.Timeout | undefined;
  private lastAnswer = 0;
  /** A key whose limits could not be asked for. */
  private missing: string | undefined;
  private probedAt = 0;

  constructor(private readonly connection: RedisAuthConnection) {
    this.silenceMs = Math.min(SILENCE_MS, connection.commandTimeoutMs);
    connection.on('ready', () => this.isThere());
  }

  /** The last moment, by the server's clock, at which anybody waits for what is asked now. */
  get latest(): number {
    return this.clock.in(this.connection.commandTimeoutMs);
  }

  /** Whether Redis keeps the limits, as far as is known; where it does not, it is looked for, as by any call. */
  get asksRedis(): boolean {
    if (this.missing === undefined) return true;
    this.probe(this.missing);
    return false;
  }

  /** @param key of what is asked for; a Cluster may lack but one of its parts */
  ask<T>(operation: string, key: string, ask: Ask<T>, decideHere: () => T | Promise<T>): Promise<T> {
    if (this.missing !== undefined) {
      this.probe(this.missing);
      return Promise.resolve(decideHere());
    }
    return new Promise<T>((resolve, reject) => {
      const call: Waiting = { key, decideHere: () => resolve(decideHere()) };
      this.wait(call);
      this.connection.execute(operation, ask).then(
        (answer) => {
          this.waiting.delete(call);
          this.lastAnswer = performance.now();
          // That another node of a Cluster answers says nothing of the one that is missing.
          if (this.missing === key) this.isThere();
          if (answer !== null) return resolve(answer);
          this.clock.forget();
          call.decideHere();
        },
        (error: unknown) => {
          if (!this.waiting.delete(call)) return;
          if (!(error instanceof StoreUnavailableError || error instanceof StoreFullError)) return reject(error as Error);
          this.isMissing(key, error.cause instanceof Error ? error.cause.message : error.message);
          call.decideHere();
        },
      );
    });
  }

  /** One timer for all calls: it looks at whether any was answered since. */
  private wait(call: Waiting): void {
    if (this.waiting.size === 0) this.lastAnswer = performance.now();
    this.waiting.add(call);
    if (this.timer === undefined) this.lookIn(this.silenceMs);
  }

  private lookIn(ms: number): void {
    // What is in flight keeps the process alive by its socket.
    this.timer = setTimeout(this.look, ms).unref();
  }

  private readonly look = (): void => {
    this.timer = undefined;
    if (this.waiting.size === 0) return;
    const silent = performance.now() - this.lastAnswer;
    if (silent < this.silenceMs) {
      this.lookIn(this.silenceMs - silent);
      return;
    }
    const since = this.lastAnswer;
    // Where this process itself was busy, answers may be lying in the socket: they are read before this.
    setImmediate(() => {
      if (this.waiting.size === 0) return;
      if (this.lastAnswer === since) this.giveUp();
      else if (this.timer === undefined) this.lookIn(this.silenceMs);
    });
  };

  private giveUp(): void {
    const calls = [...this.waiting];
    this.isMissing(calls[0]!.key, `no answer within ${this.silenceMs} ms`);
    this.waiting.clear();
    for (const call of calls) call.decideHere();
  }

  private isMissing(key: string, why: string): void {
    if (this.missing !== undefined) return;
    this.missing = key;
    this.probedAt = performance.now();
    this.logger.warn(`Redis cannot be asked for rate limits (${why}): each instance keeps a part of them by itself`);
    this.tell('down');
  }

  private isThere(): void {
    if (this.missing === undefined) return;
    this.missing = undefined;
    this.clock.forget();
    this.logger.log('Redis keeps the rate limits again');
    this.tell('up');
  }

  private tell(state: 'up' | 'down'): void {
    if (stateChanges.hasSubscribers) stateChanges.publish({ ...from(this.connection.observer), part: 'rate-limits', state });
  }

  private probe(key: string): void {
    if (performance.now() - this.probedAt < PROBE_AFTER_MS) return;
    this.probedAt = Infinity;
    this.connection
      .execute('rateLimit.probe', (client, again) => PROBE.run(client, [key], [], again))
      .then(
        () => this.isThere(),
        () => (this.probedAt = performance.now()),
      );
  }
}
