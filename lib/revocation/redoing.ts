const AGAIN_MS = 500;

/** Does again in the state of sessions what Redis may have lost; what fails is tried again until `signal` ends it. */
export class Redoing {
  private readonly undone = new Set<string>();

  constructor(
    /** Resolves to what could not be done. */
    private readonly redo: (texts: readonly string[]) => Promise<readonly string[]>,
    private readonly signal: AbortSignal,
  ) {}

  async start(texts: Iterable<string>): Promise<void> {
    for (const text of texts) this.undone.add(text);
    const due = [...this.undone];
    this.undone.clear();
    if (due.length === 0) return;
    for (const text of await this.redo(due)) this.undone.add(text);
    if (this.undone.size > 0 && !this.signal.aborted) setTimeout(() => void this.start([]), AGAIN_MS).unref();
  }
}
