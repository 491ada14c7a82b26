import { LockBusyError, LockStoreUnavailableError } from '../errors/index.js';
import type { HandOvers, Waiter } from './hand-overs.js';
import type { LockRequest } from './lock-arguments.js';
import type { LockCalls } from './lock-calls.js';

const AFTER_FAILURE_MS = 250;
/** Redis ends a lease in its millisecond. */
const AFTER_LEASE_MS = 2;
/** Others than the holder of whom Redis told may hold the lock by then, for a shorter time, and die. So may those who wait before. */
const LONGEST_PAUSE_MS = 5_000;
/** A grant counts from when its waiter last asked. Once so much of the lease would be lost by that, it asks anew. */
const LARGEST_LOSS = 0.2;

/** What was obtained: the token, of a lease that counts from `sentAt`. */
export interface Grant {
  readonly token: bigint;
  readonly sentAt: number;
}

/** One call that waits in the queue of a lock. */
export class Waiting implements Waiter {
  private token: bigint | undefined;
  private wake: () => void = () => undefined;
  private mustAsk = false;

  constructor(
    private readonly operation: string,
    private readonly request: LockRequest,
    private readonly number: number,
    private readonly calls: LockCalls,
    private readonly handOvers: HandOvers,
  ) {}

  granted(token: bigint): void {
    this.token = token;
    this.wake();
  }

  ask(): void {
    this.mustAsk = true;
    this.wake();
  }

  /**
   * Resolves with the lock. Else it leaves the queue, and rejects: LockBusyError when the time is over,
   * LockStoreUnavailableError if it is and Redis does not answer, the signal's reason.
   */
  async grant(begunAt: number, waitMs: number, signal: AbortSignal | undefined): Promise<Grant> {
    this.handOvers.add(this.number, this);
    const wake = (): void => this.wake();
    signal?.addEventListener('abort', wake);
    try {
      return await this.wait(begunAt, waitMs, signal);
    } catch (error) {
      this.leave();
      throw error;
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  private async wait(begunAt: number, waitMs: number, signal: AbortSignal | undefined): Promise<Grant> {
    const { operation, request } = this;
    const id = this.handOvers.idOf(this.number);
    for (let asked = 0; ; asked++) {
      this.token = undefined;
      this.mustAsk = false;
      const sentAt = performance.now();
      let failure: LockStoreUnavailableError | undefined;
      let pauseMs = AFTER_FAILURE_MS;
      try {
        const reply = await this.calls.take(operation, request, id, asked === 0 ? 'wait' : 'check');
        if (typeof reply === 'bigint') return { token: reply, sentAt };
        pauseMs = Math.min(reply + AFTER_LEASE_MS, LONGEST_PAUSE_MS, Math.max(waitMs / 2, AFTER_LEASE_MS));
      } catch (error) {
        if (asked === 0 || this.handOvers.isClosed || !(error instanceof LockStoreUnavailableError)) throw error;
        failure = error;
      }
      await this.pause(Math.min(pauseMs, begunAt + waitMs - performance.now()), signal);
      signal?.throwIfAborted();
      if (this.wasTold()) {
        // Later on, the message may be late, and of a grant whose lease was over before it was asked again.
        if (asked === 0 && performance.now() - sentAt <= request.ttlMs * LARGEST_LOSS) return { token: this.token!, sentAt };
      } else if (performance.now() >= begunAt + waitMs) {
        throw failure ?? new LockBusyError(Math.round(performance.now() - begunAt));
      } else {
        this.handOvers.probe();
      }
    }
  }

  private wasTold(): boolean {
    return this.token !== undefined;
  }

  private async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.wasTold() || this.mustAsk || signal?.aborted === true || ms <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  private leave(): void {
    this.handOvers.remove(this.number);
    // Where this fails, the lock is given back once it comes.
    this.calls.release(this.request.state, this.handOvers.idOf(this.number)).catch(() => undefined);
  }
}
