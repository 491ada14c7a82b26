import { callsOver, scanKeys, type ScanOptions } from '../redis/index.js';
import { readRecord, TokenKeys, type TokenStoreParts } from '../tokens/index.js';
import type { TokenRecord } from './import-record.js';

const OPERATION = 'tokens.export';
const MOST_INDEXES_AT_ONCE = 32;
const PAGE = 250;

/** An index, by what its name says. */
interface Index {
  readonly key: string;
  readonly tag: string;
  readonly app: string;
  readonly type: string;
}

/** The live tokens of a store, those of one owner and type together. */
export class TokenExport {
  private readonly keys: TokenKeys;

  constructor(private readonly parts: TokenStoreParts) {
    this.keys = new TokenKeys(parts.keyPrefix);
  }

  async *records(options: ScanOptions): AsyncGenerator<TokenRecord, void> {
    const start = `${this.parts.keyPrefix}i:{`;
    for await (const { keys } of scanKeys(callsOver(this.parts.connection, OPERATION), start, '*', options)) {
      const indexes = keys.map((key) => this.indexOf(key)).filter((index) => index !== undefined);
      for (let n = 0; n < indexes.length; n += MOST_INDEXES_AT_ONCE) {
        options.signal?.throwIfAborted();
        yield* this.membersOf(indexes.slice(n, n + MOST_INDEXES_AT_ONCE), options.signal);
      }
    }
  }

  private indexOf(key: string): Index | undefined {
    const names = this.keys.readIndex(key);
    return names && { key, tag: names.tag, app: decodeURIComponent(names.app), type: decodeURIComponent(names.type) };
  }

  /** The first pages together, since most owners have but a few tokens. */
  private async *membersOf(indexes: readonly Index[], signal: AbortSignal | undefined): AsyncGenerator<TokenRecord, void> {
    const firstPages = await Promise.all(indexes.map((index) => this.page(index, '0')));
    for (const [n, index] of indexes.entries()) {
      let { next, records } = firstPages[n]!;
      yield* records;
      while (next !== '0') {
        signal?.throwIfAborted();
        ({ next, records } = await this.page(index, next));
        yield* records;
      }
    }
  }

  private page(index: Index, cursor: string): Promise<{ next: string; records: TokenRecord[] }> {
    return this.parts.connection.execute(OPERATION, async (client, again) => {
      const [next, members] = await client.zscan(index.key, cursor, 'COUNT', PAGE);
      const ids = members.filter((_, n) => n % 2 === 0).map((rest) => index.tag + rest);
      const texts = ids.length === 0 ? [] : await again().mget(ids.map((id) => this.keys.record(id)));
      return { next, records: ids.flatMap((id, n) => recordOf(id, index, texts[n])) };
    });
  }
}

function recordOf(id: string, { app, type }: Index, text: string | null | undefined): TokenRecord[] {
  if (text === null || text === undefined) return [];
  const { owner, data, createdAt, expiresAt, pointer } = readRecord(text);
  const times = { createdAt: createdAt.getTime(), expiresAt: expiresAt?.getTime() ?? null };
  return [{ kind: 'token', id, app, type, owner, data, ...times, ...(pointer !== '' && { pointer }) }];
}
