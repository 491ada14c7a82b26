import { InvalidTokenError, StoreUnavailableError } from '../../../lib/errors/index.js';
import type { SessionService } from '../../../lib/sessions/index.js';

const EVERY_MS = 4;
const MOST_PENDING = 8;

/** An access token that is presented to one instance over and over, whatever that answers. */
export class Presented implements Disposable {
  /** When the last call began that was accepted. */
  lastAccept = -Infinity;
  accepts = 0;
  refusals = 0;
  unavailable = 0;
  readonly unexpected: unknown[] = [];
  /** Of the last call that was settled: `'accepted'`, `'unavailable'`, or the reason. */
  last = '';

  private pending = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly sessions: SessionService,
    private readonly accessToken: string,
  ) {
    this.timer = setInterval(() => void this.present(), EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  private async present(): Promise<void> {
    if (this.pending >= MOST_PENDING) return;
    this.pending += 1;
    const start = performance.now();
    try {
      await this.sessions.verify(this.accessToken);
      this.lastAccept = Math.max(this.lastAccept, start);
      this.accepts += 1;
      this.last = 'accepted';
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.unavailable += 1;
      else if (error instanceof InvalidTokenError) this.refusals += 1;
      else this.unexpected.push(error);
      this.last = error instanceof InvalidTokenError ? error.reason : 'unavailable';
    }
    this.pending -= 1;
  }
}
