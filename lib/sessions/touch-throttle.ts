const MOST_REMEMBERED = 10_000;

/** Remembers which sessions this instance touched of late; bounded, forgets the earliest first. */
export class TouchThrottle {
  private readonly touched = new Map<string, number>();

  constructor(private readonly intervalMs: number) {}

  /** Whether a touch is due; if so it counts as made. */
  take(sessionId: string): boolean {
    const now = performance.now();
    const last = this.touched.get(sessionId);
    if (last !== undefined && now - last < this.intervalMs) return false;
    this.touched.delete(sessionId);
    this.touched.set(sessionId, now);
    if (this.touched.size > MOST_REMEMBERED) this.touched.delete(this.touched.keys().next().value!);
    return true;
  }

  /** The touch did not take place: the next one is due again. */
  release(sessionId: string): void {
    this.touched.delete(sessionId);
  }
}
