/** Of a standstill so much goes unseen at most; it has to be less than the shortest bound that a call is held to. */
const TICK_MS = 5;
/** A timer that is not kept waiting comes as late as this. */
const USUAL_MS = 2;

/** How a call ended, and how long it took, less what the event loop itself was late meanwhile. */
export type SettledIn<T> = { ms: number } & ({ result: T; error?: undefined } | { error: unknown; result?: undefined });

/** Calls, and waits for the end. On a busy machine the time that others had the processor for is nobody's fault here. */
export async function settledIn<T>(call: () => Promise<T>): Promise<SettledIn<T>> {
  const start = performance.now();
  const lateness = new Lateness();
  const ms = (): number => performance.now() - start - lateness.stop();
  try {
    const result = await call();
    return { result, ms: ms() };
  } catch (error) {
    return { error, ms: ms() };
  }
}

/** By how much timers are late, added up until it is stopped. */
export class Lateness {
  private total = 0;
  private due = 0;
  private timer!: NodeJS.Timeout;

  constructor() {
    this.wait();
  }

  stop(): number {
    clearTimeout(this.timer);
    this.note();
    return this.total;
  }

  /** Ms up to now. */
  soFar(): number {
    return this.total + Math.max(0, performance.now() - this.due);
  }

  private wait(): void {
    this.due = performance.now() + TICK_MS;
    this.timer = setTimeout(() => {
      this.note();
      this.wait();
    }, TICK_MS).unref();
  }

  private note(): void {
    const late = performance.now() - this.due;
    if (late > USUAL_MS) this.total += late;
  }
}
