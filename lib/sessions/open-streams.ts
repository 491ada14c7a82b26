import { InvalidTokenError, type InvalidTokenReason } from '../errors/index.js';
import type { VerifiedToken } from '../jwt/index.js';
import type { Revocations } from '../revocation/index.js';
import type { Liveness } from './liveness.js';
import { endedBy } from './session-replies.js';

interface OpenStream {
  readonly token: VerifiedToken;
  readonly end: (reason: InvalidTokenReason) => void;
  /** By this process's clock. */
  readonly until: number;
  isAsked: boolean;
}

const SWEEP_MS = 250;
/** So that a handler which has heard of it, too, may say its last word. */
const SOON_MS = 50;
/** How many are asked about at once where the feed does not cover them. */
const MOST_ASKED = 32;

/**
 * Sockets and streams that outlive the request that was let in: each is ended when its token expires or its session ends.
 * While Redis cannot be asked they stay open, and are ended as soon as it is heard what has happened meanwhile.
 */
export class OpenStreams {
  private readonly streams = new Set<OpenStream>();
  private timer: NodeJS.Timeout | undefined;
  private isSweepDue = false;
  private asked = 0;

  constructor(
    private readonly revocations: Revocations,
    private readonly liveness: Liveness,
    private readonly clockToleranceMs: number,
    /** False where nothing but expiry ends a token. */
    private readonly areRevocable: boolean,
  ) {}

  get size(): number {
    return this.streams.size;
  }

  /** Returns how to let go. */
  add(token: VerifiedToken, end: (reason: InvalidTokenReason) => void): () => void {
    const now = Date.now();
    // opened within the tolerance of clocks, it is open for the rest of that
    const until = token.expiresAtMs > now ? token.expiresAtMs : token.expiresAtMs + this.clockToleranceMs;
    const stream: OpenStream = { token, end, until, isAsked: false };
    this.streams.add(stream);
    this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    if (this.areRevocable) void this.revocations.feed.open();
    // it may have ended between its being let in and now
    setImmediate(() => this.look(stream, Date.now()));
    return () => this.remove(stream);
  }

  /** Looks at all of them soon: many revocations in a row are one look. */
  somethingEnded(): void {
    if (this.isSweepDue || this.streams.size === 0) return;
    this.isSweepDue = true;
    setTimeout(() => {
      this.isSweepDue = false;
      this.sweep();
    }, SOON_MS).unref();
  }

  close(): void {
    this.streams.clear();
    clearInterval(this.timer);
  }

  private sweep(): void {
    const now = Date.now();
    for (const stream of this.streams) this.look(stream, now);
  }

  private look(stream: OpenStream, now: number): void {
    if (!this.streams.has(stream)) return;
    const { token } = stream;
    const ending = this.areRevocable ? this.revocations.replica.endingOf(token) : undefined;
    if (ending !== undefined) this.end(stream, endedBy(ending));
    else if (stream.until <= now) this.end(stream, 'expired');
    else if (this.areRevocable && !stream.isAsked && this.asked < MOST_ASKED && !this.liveness.hears(token)) void this.ask(stream);
  }

  private async ask(stream: OpenStream): Promise<void> {
    stream.isAsked = true;
    this.asked += 1;
    // behind the others, so that each has its turn
    this.streams.delete(stream);
    this.streams.add(stream);
    try {
      await this.liveness.confirm(stream.token);
    } catch (error) {
      if (error instanceof InvalidTokenError) this.end(stream, error.reason);
    }
    stream.isAsked = false;
    this.asked -= 1;
  }

  private end(stream: OpenStream, reason: InvalidTokenReason): void {
    if (!this.remove(stream)) return;
    stream.end(reason);
  }

  private remove(stream: OpenStream): boolean {
    const isThere = this.streams.delete(stream);
    if (this.streams.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    return isThere;
  }
}
