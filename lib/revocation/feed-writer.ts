import { randomText } from '../data/index.js';
import type { Again, KeySpace, RedisClient } from '../redis/index.js';
import { APPEND, SYNC, type SyncReply } from './feed.lua.js';

/** More of them at once are trimmed before they are old, and every instance has to ask Redis for a while. */
export const MOST_ENTRIES = 262_144;

/** What writes to the feed, of every instance, whether or not it reads it. */
export class FeedWriter {
  private readonly stream: string;
  private readonly keys: readonly [stream: string, anchor: string];

  constructor(
    keys: KeySpace,
    /** How long a token of this instance may live after what ended it. */
    readonly windowMs: number,
  ) {
    this.stream = keys.feed;
    this.keys = [this.stream, keys.feedAnchor];
  }

  get streamKey(): string {
    return this.stream;
  }

  /** Resolves to the id of the last entry. One command. Repeating it is harmless. */
  async append(again: Again, texts: readonly string[]): Promise<string> {
    const ids = await APPEND.run(again(), this.keys, [this.windowMs, randomText(9), MOST_ENTRIES, ...texts], again);
    return ids.at(-1)!;
  }

  /** @param incomplete name of the beginning since which entries were found to be missing, or '' */
  sync(client: RedisClient, incomplete: string): Promise<SyncReply> {
    return SYNC.run(client, this.keys, [this.windowMs, randomText(9), incomplete]);
  }
}
