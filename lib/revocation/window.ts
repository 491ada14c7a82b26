/** What tells for a token whether the feed covers it. */
export interface CoverableToken {
  readonly origin: { readonly issuedMs: number };
  readonly lifetimeMs: number;
  isOf(dataset: string): boolean;
}

/** For which tokens the replica holds every revocation there may be. */
export class Window {
  /** How long an access token may live after what ended it. */
  ms = 0;
  /** Which set of data the feed belongs to; '' until that is known. */
  dataset = '';

  private completeMs = Infinity;
  private wholeAt = Infinity;

  /** Read from the feed: complete since then, now being then, both by the server's clock. */
  set({ ms, completeMs, nowMs, dataset }: { ms: number; completeMs: number; nowMs: number; dataset: string }): void {
    this.ms = ms;
    this.dataset = dataset;
    this.completeMs = completeMs;
    this.wholeAt = performance.now() + Math.max(0, ms - (nowMs - completeMs));
  }

  lose(): void {
    this.completeMs = Infinity;
    this.wholeAt = Infinity;
  }

  /** Whether every revocation of the token has been heard or will be. */
  covers(token: CoverableToken): boolean {
    return token.isOf(this.dataset) && (token.origin.issuedMs >= this.completeMs || performance.now() >= this.wholeAt);
  }
}
