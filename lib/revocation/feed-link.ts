import { once } from 'node:events';
import type { RedisAuthConnection, RedisClient } from '../redis/index.js';
import { placeOf } from './feed-id.js';

/** An entry of the feed. */
export interface FeedEntry {
  readonly id: string;
  /** Of all entries ever written. */
  readonly number: number;
  /** When it was written, by the server's clock. */
  readonly ms: number;
  readonly text: string;
}

/** How many entries are read at once. */
export const PAGE = 1000;

/**
 * The connection over which one instance reads the feed: its own, since reading waits. Nothing is asked while it is not
 * ready, and what is not answered in time counts as lost together with the connection.
 */
export class FeedLink {
  private readonly link: RedisClient;

  constructor(
    connection: RedisAuthConnection,
    private readonly stream: string,
    private readonly answeredWithinMs: number,
  ) {
    this.link = connection.openLink();
  }

  /** Resolves when the connection can be asked; rejects when the present attempt to make it has failed. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.link.status === 'ready') return;
    // for good, by the application's own retryStrategy: but somebody has to listen
    if (this.link.status === 'end') this.link.connect().catch(() => undefined);
    const decided = new AbortController();
    const until = { signal: AbortSignal.any([signal, decided.signal]) };
    const closed = once(this.link, 'close', until).then(() => {
      throw new Error('the connection was closed');
    });
    try {
      await Promise.race([once(this.link, 'ready', until), closed]);
    } finally {
      closed.catch(() => undefined);
      decided.abort();
    }
  }

  /** Entries behind `after`; null where none came within `blockMs`. */
  async next(after: string, blockMs: number): Promise<FeedEntry[] | null> {
    return entriesOfRead(await this.ask((link) => link.xread('COUNT', PAGE, 'BLOCK', blockMs, 'STREAMS', this.stream, after), blockMs));
  }

  /** As {@link next}, without waiting. */
  async look(after: string): Promise<FeedEntry[] | null> {
    return entriesOfRead(await this.ask((link) => link.xread('COUNT', PAGE, 'STREAMS', this.stream, after)));
  }

  /** One page of all that there is, behind `after`; '' for the first. */
  async page(after: string): Promise<FeedEntry[]> {
    const reply: unknown = await this.ask((link) => link.xrange(this.stream, after === '' ? '-' : `(${after}`, '+', 'COUNT', PAGE));
    return (reply as unknown[]).map(entryOf);
  }

  /** One command within its deadline; a connection that does not answer is made anew. */
  async ask<Reply>(send: (link: RedisClient) => Promise<Reply>, blockMs = 0): Promise<Reply> {
    if (this.link.status !== 'ready') throw new Error('the connection was lost');
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.link.disconnect(true);
        reject(new Error('no answer in time'));
      }, blockMs + this.answeredWithinMs);
      timer.unref();
    });
    const reply = send(this.link);
    reply.catch(() => undefined);
    try {
      return await Promise.race([reply, overdue]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.link.disconnect();
  }
}

/** A reply of XREAD about one stream, in whatever form the application's client gives maps. */
function entriesOfRead(reply: unknown): FeedEntry[] | null {
  if (reply === null || reply === undefined) return null;
  const [entries] = Array.isArray(reply)
    ? (reply as [unknown, unknown[]][]).map(([, list]) => list)
    : [...(reply instanceof Map ? reply.values() : Object.values(reply))];
  return ((entries ?? []) as unknown[]).map(entryOf);
}

function entryOf(entry: unknown): FeedEntry {
  const [id, fields] = entry as [string, string[] | Record<string, string>];
  const text = Array.isArray(fields) ? fields[1] : fields['e'];
  return { id, ...placeOf(id), text: text ?? '' };
}
