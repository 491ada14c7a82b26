import {
  InvalidTokenError,
  LockBusyError,
  LockLostError,
  LockStoreUnavailableError,
  StoreUnavailableError,
} from '../../../lib/errors/index.js';
import { type Call, now, type Shared, type WorkloadName } from './history.js';

type About<One extends Call> = Omit<One, 'on' | 'does' | 'start' | 'end' | 'outcome'>;

/** Writes down the calls of one process, until they are asked for. */
export class Recorder {
  readonly pending = new Set<Promise<unknown>>();
  private calls: Call[] = [];
  private shared: Shared[] = [];

  constructor(readonly index: number) {}

  /** Makes a call and writes down how it went; never rejects. */
  record<One extends Call, Result>(
    does: One['does'],
    about: About<One>,
    call: () => Promise<Result>,
    told: (result: Result) => Partial<About<One>> & { readonly outcome?: string } = () => ({}),
  ): Promise<Result | undefined> {
    const recorded = async (): Promise<Result | undefined> => {
      const start = now();
      try {
        const result = await call();
        const end = now();
        const outcome = result === false || result === null ? 'was not live' : 'ok';
        this.note({ does, start, end, outcome, ...about, ...told(result) } as unknown as Omit<One, 'on'>);
        return result;
      } catch (error) {
        this.note({ does, start, end: now(), outcome: outcomeOf(error), ...about } as unknown as Omit<One, 'on'>);
        return undefined;
      }
    };
    const running = recorded();
    this.pending.add(running);
    void running.then(() => this.pending.delete(running));
    return running;
  }

  note<One extends Call>(call: Omit<One, 'on'>): void {
    this.calls.push({ on: this.index, ...call } as unknown as Call);
  }

  /** Tells the same workload in other processes. */
  share(of: WorkloadName, what: unknown): void {
    this.shared.push({ of, what });
  }

  /** What there is since the last time; undefined for nothing. */
  take(): { calls: Call[]; shared: Shared[] } | undefined {
    const { calls, shared } = this;
    if (calls.length + shared.length === 0) return undefined;
    [this.calls, this.shared] = [[], []];
    return { calls, shared };
  }
}

export function outcomeOf(error: unknown): string {
  if (error instanceof InvalidTokenError) return `refused: ${error.reason}`;
  if (error instanceof LockBusyError) return 'busy';
  if (error instanceof LockLostError) return 'lost';
  if (error instanceof StoreUnavailableError || error instanceof LockStoreUnavailableError) return 'unavailable';
  return `failed: ${error instanceof Error ? error.stack : String(error)}`;
}
