import type { RedisAuthConnection } from '../redis/index.js';
import type { FeedWriter } from './feed-writer.js';

const AT_ONCE = 500;

/**
 * Puts entries into the feed again that Redis has lost. Every instance that knows them does, so each begins somewhere else
 * and passes over what others have put back meanwhile.
 */
export class PutBack {
  private readonly missing = new Set<string>();
  private isRunning = false;

  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly writer: FeedWriter,
  ) {}

  /** In the background; what cannot be put back now is found missing again when the feed is read anew. */
  start(texts: readonly string[]): void {
    const from = Math.floor(Math.random() * texts.length);
    for (const text of [...texts.slice(from), ...texts.slice(0, from)]) this.missing.add(text);
    if (this.isRunning || this.missing.size === 0) return;
    this.isRunning = true;
    void this.run();
  }

  /** It was read in the feed. */
  isThere(text: string): void {
    if (this.missing.size > 0) this.missing.delete(text);
  }

  private async run(): Promise<void> {
    try {
      while (this.missing.size > 0) {
        const texts = [...this.missing].slice(0, AT_ONCE);
        for (const text of texts) this.missing.delete(text);
        await this.connection.execute('revocation.putBack', (_client, again) => this.writer.append(again, texts));
      }
    } catch {
      this.missing.clear();
    }
    this.isRunning = false;
  }
}
