const MOST = 1_000;

/**
 * Until when versions are known to stay in Redis, so that not each write has to see to that. One that is lost all the same
 * is begun anew by whoever writes.
 */
export class KeptVersions {
  private readonly until = new Map<string, number>();

  /** Whether it is known to outlive what is written now for `ms`. */
  areKept(version: string, ms: number): boolean {
    return (this.until.get(version) ?? 0) >= performance.now() + ms;
  }

  /** They will stay for at least twice as long, as `version_for` in the scripts has it. */
  note(version: string, ms: number): void {
    if (this.until.size >= MOST) this.until.clear();
    this.until.set(version, performance.now() + 2 * ms);
  }
}
