/** Who waits until an entry of the feed was read. */
export class Echoes {
  private readonly waiting = new Map<string, () => void>();

  /** Resolves when the entry of this id is read, after so long at most. */
  async of(id: string, longestMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.waiting.set(id, resolve);
      timer = setTimeout(resolve, longestMs);
    });
    clearTimeout(timer);
    this.waiting.delete(id);
  }

  isRead(id: string): void {
    if (this.waiting.size > 0) this.waiting.get(id)?.();
  }
}
