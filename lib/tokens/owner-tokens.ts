import { type Again, inDoubt, type RedisAuthConnection, type RedisClient } from '../redis/index.js';
import type { CustomTokens } from './custom-tokens.js';
import { COUNT, DELETE_ALL, LIST } from './owner.lua.js';
import type { CheckedOwner } from './token-arguments.js';
import { restOf, scopeOf, type TokenKeys } from './token-keys.js';
import { infoOf } from './token-record.js';
import type { StoredTokenInfo, TokenPage, TokenPlace } from './token-types.js';

const DELETION = 'tokens.deleteAll';
const MOST_LISTED = 250;
/** Clears in about a millisecond. */
const MOST_CLEARED = 500;

/** What is done with all tokens of an owner. */
export class OwnerTokens {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly keys: TokenKeys,
    private readonly custom: CustomTokens,
  ) {}

  list({ tag, names, owner, ownerName, app, type }: CheckedOwner, { limit = Infinity, after }: TokenPage): Promise<StoredTokenInfo[]> {
    return this.connection.execute('tokens.list', async (_client, again) => {
      const found: StoredTokenInfo[] = [];
      let [expiry, rest] = after === undefined ? ['', ''] : placeOf(after);
      do {
        const most = Math.min(limit - found.length, MOST_LISTED);
        const args = [scopeOf(names), ownerName, most, expiry, rest];
        const reply = await LIST.run(again(), [this.keys.index(tag, names, ownerName)], args, again);
        for (let n = 0; n + 1 < reply.length; n += 2) found.push({ ...infoOf(reply[n + 1]!, tag + reply[n]!, type, app), owner });
        [expiry = '', rest = ''] = reply.at(-1)!.split(' ');
      } while (rest !== '' && found.length < limit);
      return found;
    });
  }

  async count({ tag, names, ownerName }: CheckedOwner): Promise<number> {
    return this.connection.execute('tokens.count', async (client, again) =>
      Number(await COUNT.run(client, [this.keys.index(tag, names, ownerName)], [scopeOf(names)], again)),
    );
  }

  /** Ends them within the call; clears away within `clearForMs` of it, and what is left behind it. */
  async deleteAll(of: CheckedOwner, clearForMs: number): Promise<number> {
    const { ended, left } = await this.connection.execute(DELETION, async (client, again) => {
      const until = performance.now() + clearForMs;
      let { ended, left } = await this.slice(client, again, of, 'end');
      try {
        while (left === 'end' || (left === 'clear' && performance.now() < until)) {
          const slice = await this.slice(again(), again, of, left);
          ended += slice.ended;
          left = slice.left;
        }
      } catch (error) {
        if (left === 'end') throw inDoubt(DELETION, error);
        // all have ended, which is what was asked for
      }
      return { ended, left };
    });
    if (left !== '') void this.clear(of);
    return ended;
  }

  private async clear(of: CheckedOwner): Promise<void> {
    try {
      let left = 'clear';
      while (left !== '') {
        ({ left } = await this.connection.execute(DELETION, (client, again) => this.slice(client, again, of, 'clear')));
      }
    } catch {
      // what is left is dead already; it goes when it expires, or with the next deleteAll
    }
  }

  private async slice(client: RedisClient, again: Again, { tag, names, ownerName }: CheckedOwner, mode: 'end' | 'clear') {
    const key = this.keys.types(tag, names.app, ownerName);
    const [ended, left, ...pointers] = await DELETE_ALL.run(client, [key], [scopeOf(names), ownerName, MOST_CLEARED, mode], again);
    await Promise.all(
      Array.from({ length: pointers.length / 2 }, (_, n) => this.custom.forget(again, pointers[2 * n]!, tag + pointers[2 * n + 1]!)),
    );
    return { ended: Number(ended), left };
  }
}

function placeOf({ id, expiresAt }: TokenPlace): [expiry: string, rest: string] {
  return [expiresAt === null ? 'inf' : String(expiresAt.getTime()), restOf(id)];
}
