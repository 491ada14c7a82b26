const MOST_REMEMBERED = 10_000;

/** Remembers which sessions this instance touched of late; bounded, forgets the earliest first. */
export class TouchThrottle {
  private readonly touched = new Map<string, number>();

  constructor(private readonly intervalMs: number) {}

  /** Touches if it is due; true where it is not. One that did not take place does not count. */
  async touch(sessionId: string, touch: () => Promise<boolean>): Promise<boolean> {
    if (!this.take(sessionId)) return true;
    let isDone = false;
    try {
      isDone = await touch();
      return isDone;
    } finally {
      if (!isDone) this.touched.delete(sessionId);
    }
  }

  private take(sessionId: string): boolean {
    const now = performance.now();
    const last = this.touched.get(sessionId);
    if (last !== undefined && now - last < this.intervalMs) return false;
    this.touched.delete(sessionId);
    this.touched.set(sessionId, now);
    if (this.touched.size > MOST_REMEMBERED) this.touched.delete(this.touched.keys().next().value!);
    return true;
  }
}
