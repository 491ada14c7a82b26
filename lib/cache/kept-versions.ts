const MOST = 1_000;

/** Versions as they were when they were last seen to, by the namespace whose and around which they are. */
export class KeptVersions {
  private readonly known = new Map<string, { readonly versions: string; readonly until: number }>();

  /** Those that will outlive what is written now for `ms`, if nobody raises them; undefined where that is not known. */
  of(namespace: string, ms: number): string | undefined {
    const known = this.known.get(namespace);
    return known !== undefined && known.until >= performance.now() + ms ? known.versions : undefined;
  }

  /** They will stay for at least twice as long as `ms`, as `version_for` in the scripts has it. */
  note(namespace: string, versions: string, ms: number): void {
    if (this.known.size >= MOST) this.known.clear();
    this.known.set(namespace, { versions, until: performance.now() + 2 * ms });
  }
}
