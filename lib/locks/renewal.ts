import { LockLostError } from '../errors/index.js';
import type { HeldLock } from './held-lock.js';

/** Extends a lock again and again, a third of its lease after it was last extended, until stopped or lost. */
export class Renewal {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly lock: HeldLock) {
    this.after(lock.ttlMs / 3);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private after(ms: number): void {
    if (!this.stopped) this.timer = setTimeout(() => void this.extend(), Math.min(ms, 2 ** 31 - 1)).unref();
  }

  private async extend(): Promise<void> {
    try {
      await this.lock.extend();
      this.after(this.lock.ttlMs / 3);
    } catch (error) {
      // All else may be over before the lease is.
      if (!(error instanceof LockLostError)) this.after(this.lock.ttlMs / 15);
    }
  }
}
