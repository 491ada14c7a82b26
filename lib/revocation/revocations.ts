import type { Again, KeySpace, RedisAuthConnection } from '../redis/index.js';
import type { FeedListener } from './feed-listener.js';
import { FeedWriter } from './feed-writer.js';
import { parseRevocation } from './revocation.js';
import { RevocationFeed } from './revocation-feed.js';
import { RevocationReplica } from './revocation-replica.js';

/** The entry is there; that it is not heard at once is no reason to hold up who wrote it. */
const LONGEST_ECHO_MS = 25;

/** Node takes no longer ones. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How far behind an instance may be, and how long it has to remember. */
export interface RevocationSettings {
  /** How long an access token may live after what ended it. */
  readonly windowMs: number;
  /** Beyond this age what the replica says is not relied upon. */
  readonly staleAfterMs: number;
}

/** What has been ended of late: told to every instance by the feed, and known here by the replica while that is followed. */
export class Revocations {
  readonly replica = new RevocationReplica();
  readonly feed: RevocationFeed;

  private readonly writer: FeedWriter;
  private timer: NodeJS.Timeout | undefined;
  private syncedDataset = '';

  constructor(
    private readonly connection: RedisAuthConnection,
    keys: KeySpace,
    { windowMs, staleAfterMs }: RevocationSettings,
    private readonly listener: FeedListener,
  ) {
    this.writer = new FeedWriter(keys, windowMs);
    this.feed = new RevocationFeed(connection, this.writer, this.replica, staleAfterMs, listener);
  }

  /** Tells every instance; this one knows when it resolves, to the id of the last entry. One command. */
  async append(again: Again, texts: readonly string[]): Promise<string> {
    const id = await this.writer.append(again, texts);
    // who does not follow the feed would never forget it
    if (!this.feed.isOpen) return id;
    for (const text of texts) {
      const revocation = parseRevocation(text);
      if (revocation === undefined) continue;
      this.replica.add(revocation, Math.floor(performance.now() / 1000));
      this.listener.heard(revocation);
    }
    return id;
  }

  /** Which set of data the feed belongs to; '' until that is known. */
  get dataset(): string {
    return this.feed.dataset || this.syncedDataset;
  }

  /**
   * For an instance that does not follow the feed: keeps it for as long as the tokens it issues live, which may be longer
   * than those of others.
   */
  keepWindow(): void {
    const sync = (): void => {
      this.connection
        .execute('revocation.sync', (client) => this.writer.sync(client, ''))
        .then((reply) => (this.syncedDataset = reply[6]))
        .catch(() => undefined);
    };
    this.connection.on('ready', sync);
    this.timer = setInterval(sync, Math.min(this.writer.windowMs / 3, LONGEST_TIMER_MS)).unref();
  }

  close(): void {
    clearInterval(this.timer);
    this.feed.close();
  }

  /**
   * Waits a moment until the entry was read back from the feed, where that is followed here: then the others, who were
   * woken at the same time, know it as well unless they lag.
   */
  async echo(id: string): Promise<void> {
    await this.feed.hasRead(id, LONGEST_ECHO_MS);
    // what other instances in this process have received beside it is read by then
    await new Promise((resolve) => setImmediate(resolve));
  }
}
