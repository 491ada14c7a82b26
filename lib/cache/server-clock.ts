/** Long enough to spare most reads the question, short enough for a clock that was set to be noticed. */
const GOOD_FOR_MS = 1_000;

/** What the clock of the one server shows, as it was read a moment ago: entries expire by it, and asking it costs half as much as reading one. */
export class ServerClock {
  private serverMs = 0;
  private askedAt = -Infinity;

  /** @param askedAt when the question was sent, by `performance.now()` */
  note(serverMs: number, askedAt: number): void {
    if (askedAt - this.askedAt < GOOD_FOR_MS) return;
    this.serverMs = serverMs;
    this.askedAt = askedAt;
  }

  /** What it shows at `now`, never less; undefined where it has to be asked. */
  at(now: number): number | undefined {
    const age = now - this.askedAt;
    return age < GOOD_FOR_MS ? this.serverMs + Math.ceil(age) : undefined;
  }

  /** Another server may answer from now on. */
  forget(): void {
    this.askedAt = -Infinity;
  }
}
