/** Long enough to spare most calls the question, short enough for a clock that was set to be noticed. */
const GOOD_FOR_MS = 1_000;

/**
 * What the clock of the one server shows, as it was read a moment ago: entries expire by it, and to ask it costs a script
 * where a plain command would do. It was read between question and answer, so there is a least and a most.
 */
export class ServerClock {
  private serverMs = 0;
  private askedAt = -Infinity;
  private answeredAt = -Infinity;

  /** @param askedAt when the question was sent, by `performance.now()`; it was answered now */
  note(serverMs: number, askedAt: number): void {
    if (askedAt - this.askedAt < GOOD_FOR_MS) return;
    this.serverMs = serverMs;
    this.askedAt = askedAt;
    this.answeredAt = performance.now();
  }

  /** What it shows at `now` or a little more; undefined where it has to be asked. */
  atMost(now: number): number | undefined {
    return this.isGood(now) ? this.serverMs + Math.ceil(now - this.askedAt) : undefined;
  }

  /** What it shows at `now` or a little less; undefined where it has to be asked. */
  atLeast(now: number): number | undefined {
    return this.isGood(now) ? this.serverMs + Math.floor(now - this.answeredAt) : undefined;
  }

  /** Another server may answer from now on. */
  forget(): void {
    this.askedAt = -Infinity;
  }

  private isGood(now: number): boolean {
    return now - this.askedAt < GOOD_FOR_MS;
  }
}
