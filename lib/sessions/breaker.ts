import { StoreUnavailableError } from '../errors/index.js';

const PROBE_AGAIN_MS = 250;

/**
 * Spares callers the wait for a store that does not answer: after one failure they are turned away at once, while in the
 * background the call that failed is tried again, one at a time, until it is answered.
 */
export class Breaker {
  private failure: StoreUnavailableError | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** Callers are turned away. */
  get isOpen(): boolean {
    return this.failure !== undefined;
  }

  /** @throws StoreUnavailableError */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.failure !== undefined) {
      const { operation, retryAfter, cause } = this.failure;
      throw new StoreUnavailableError(operation, false, retryAfter, { cause });
    }
    try {
      return await call();
    } catch (error) {
      if (isOutage(error) && this.failure === undefined && !this.closed) {
        this.failure = error;
        void this.probe(call);
      }
      throw error;
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async probe(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
      this.failure = undefined;
    } catch (error) {
      if (!isOutage(error)) this.failure = undefined;
      else if (!this.closed) this.timer = setTimeout(() => void this.probe(call), PROBE_AGAIN_MS).unref();
    }
  }
}

/** A server that answers with an error, as for a key of another type, is none that others would have to be spared. */
export function isOutage(error: unknown): error is StoreUnavailableError {
  return error instanceof StoreUnavailableError && !(error.cause instanceof Error && error.cause.name === 'ReplyError');
}
