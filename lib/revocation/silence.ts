import { Logger } from '@nestjs/common';
import { from, type Observer, stateChanges } from '../diagnostics/index.js';

/** Tells the log and who listens that the feed is not heard, and that it is again: once each. */
export class Silence {
  private readonly logger = new Logger('RedisAuthRevocation');
  private isTold = false;

  constructor(private readonly observer: Observer) {}

  begins(error: unknown): void {
    if (this.isTold) return;
    this.isTold = true;
    const reason = error instanceof Error ? error.message : 'unknown';
    this.logger.warn(`revocations of other instances are not heard (${reason}); Redis is asked for each request until they are`);
    this.tell('down');
  }

  /** The feed can be read, but not be waited for. */
  refused(error: unknown): void {
    if (this.isTold) return;
    this.isTold = true;
    const reason = error instanceof Error ? error.message : 'unknown';
    this.logger.warn(`revocations of other instances are heard late (${reason}); the feed is read anew again and again: grant +xread`);
    this.tell('down');
  }

  ends(): void {
    if (!this.isTold) return;
    this.isTold = false;
    this.logger.log('revocations of other instances are heard again');
    this.tell('up');
  }

  private tell(state: 'up' | 'down'): void {
    if (stateChanges.hasSubscribers) stateChanges.publish({ ...from(this.observer), part: 'revocations', state });
  }
}
