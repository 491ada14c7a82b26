import type { Health, RedisAuthStatus, StoreStatistics } from '../../observability/index.js';

const LOOK_EVERY_MS = 250;

/** What is read of one registration between two collections. */
export class WatchedRegistration {
  /** Ms spent so, since this was begun. */
  readonly spentMs: Record<Exclude<Health, 'up'>, number> = { degraded: 0, down: 0 };
  /** As last counted; undefined where that could not be done. */
  liveSessions: number | undefined;

  private readonly closing = new AbortController();
  private readonly looking: NodeJS.Timeout;
  private counting: NodeJS.Timeout | undefined;
  private lookedAt = performance.now();
  /** The last moment of which it is known what was revoked before. */
  private heardUntil = performance.now();

  constructor(
    readonly name: string,
    private readonly status: RedisAuthStatus,
    private readonly statistics: StoreStatistics,
    private readonly live: { everyMs: number; sample: number } | undefined,
  ) {
    this.looking = setInterval(() => this.look(), LOOK_EVERY_MS).unref();
    if (live !== undefined) void this.count();
  }

  /** How it is now; the time since the last look counts as spent so. */
  look(): { state: Health; stalenessMs: number | undefined; maxStalenessMs: number | undefined } {
    const now = performance.now();
    const { state, revocation } = this.status.look();
    const { stalenessMs, maxStalenessMs } = revocation;
    if (state !== 'up') this.spentMs[state] += now - this.lookedAt;
    this.lookedAt = now;
    if (typeof stalenessMs === 'number') this.heardUntil = now - stalenessMs;
    // Where nobody can tell, it is at least as long as nobody has heard.
    return { state, stalenessMs: stalenessMs === undefined ? undefined : now - this.heardUntil, maxStalenessMs };
  }

  close(): void {
    this.closing.abort();
    clearInterval(this.looking);
    clearTimeout(this.counting);
  }

  private async count(): Promise<void> {
    const { signal } = this.closing;
    const { everyMs, sample } = this.live!;
    this.liveSessions = await this.statistics.statistics({ sample, signal }).then(
      ({ sessions }) => Math.round(sessions.estimate),
      () => undefined,
    );
    if (!signal.aborted) this.counting = setTimeout(() => void this.count(), everyMs).unref();
  }
}
