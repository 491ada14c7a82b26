import type { InstanceOptions } from './history.js';
import type { Recorder } from './recorder.js';

/** What a workload is given. */
export interface WorkloadContext extends InstanceOptions {
  readonly random: () => number;
  readonly recorder: Recorder;
}

/** Calls of one kind at random, in one process. */
export interface Workload extends AsyncDisposable {
  /** What the same workload tells in another process. */
  hear?(what: unknown): void;
  /** No more calls of its own accord. */
  rest(): void;
  /** What the instance says of an access token. */
  outcomeOf?(accessToken: string): Promise<string>;
}

const MOST_AT_ONCE = 32;

/** Acts again and again, but never on top of too much of the same that is not done yet. Returns how to stop. */
export function every(ms: number, { leisure }: WorkloadContext, act: () => Promise<unknown>): () => void {
  let underWay = 0;
  const timer = setInterval(() => {
    if (underWay >= MOST_AT_ONCE) return;
    underWay += 1;
    void act().finally(() => (underWay -= 1));
  }, ms * leisure);
  return () => clearInterval(timer);
}

export function pick<T>(from: readonly T[], random: () => number): T | undefined {
  return from[Math.floor(random() * from.length)];
}
