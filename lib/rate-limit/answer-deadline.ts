/** Later than any moment that a server tells. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * Estimates the clock of the server by this process's monotonic one, so that a script can be told until when its answer is
 * waited for. The estimate is slow by at most the time that the quickest reply took; this process's date plays no part.
 */
export class AnswerDeadline {
  private ahead: number | undefined;

  /** To be called with what the server said in a reply that has just arrived. */
  learn(serverNow: number): void {
    const ahead = serverNow - performance.now();
    // A reply that took longer than another makes the server look slow.
    if (this.ahead === undefined || ahead > this.ahead) this.ahead = ahead;
  }

  /** The clock was put, or another server answers. */
  forget(): void {
    this.ahead = undefined;
  }

  /** The moment, by the server's clock, that is so many ms from now. */
  in(ms: number): number {
    return this.ahead === undefined ? NEVER : Math.ceil(performance.now() + this.ahead + ms);
  }
}
