import { setTimeout as sleep } from 'node:timers/promises';

/** Adds one number after the other to a set, some 400 a second, and remembers which were acknowledged, and when. */
export class Writer {
  private readonly acknowledged = new Map<string, number>();
  private readonly enough = new AbortController();
  private readonly writing: Promise<void>;

  /** @param add one member to the set; what rejects was not acknowledged */
  constructor(private readonly add: (member: string) => Promise<unknown>) {
    this.writing = this.write();
  }

  get count(): number {
    return this.acknowledged.size;
  }

  /** No more, once the write that is under way has come to something. */
  async stop(): Promise<void> {
    this.enough.abort();
    await this.writing;
  }

  /** When those were acknowledged that are not among what is stored: ms by the process's clock, in order. */
  lost(stored: readonly string[]): number[] {
    const there = new Set(stored);
    return [...this.acknowledged].filter(([member]) => !there.has(member)).map(([, at]) => at);
  }

  private async write(): Promise<void> {
    for (let n = 0; !this.enough.signal.aborted; n++) {
      const member = String(n);
      await this.add(member).then(
        () => this.acknowledged.set(member, performance.now()),
        () => undefined,
      );
      await sleep(2);
    }
  }
}
