import { inDoubt, type RedisClient } from '../redis/index.js';
import { type CheckedScope } from './token-arguments.js';
import { type Names, pointerOf, scopeOf, type TokenKeys } from './token-keys.js';
import { POINT, PROLONG, UNPOINT } from './pointer.lua.js';
import { DELETE, GET } from './token.lua.js';

/** The client of a call that is under way; throws where its caller has been told meanwhile that it failed. */
type Client = () => RedisClient;

/**
 * Tokens of the application's own making do not say whose they are: a pointer in the token's own slot leads to the
 * record in the owner's. The record is written first and alone is the truth; a pointer without one means nothing.
 */
export class CustomTokens {
  constructor(private readonly keys: TokenKeys) {}

  /** Id of the record that the token leads to, if there may be one. One round trip, a plain GET. */
  find(client: RedisClient, { names }: CheckedScope, token: string): Promise<string | null> {
    return client.get(this.keys.pointer(pointerOf(names, token)));
  }

  /** As {@link find}, for a token that is about to live on for `ttl` (`''` for ever). */
  prolong(client: RedisClient, { names }: CheckedScope, token: string, ttl: number | ''): Promise<string | null> {
    return PROLONG.run(client, [this.keys.pointer(pointerOf(names, token))], [ttl]);
  }

  /**
   * Points a token, by its hash, to the record just written; false where it leads to another live one, and then that record is
   * gone again. One round trip, more where the token was used before.
   */
  async claim(operation: string, client: Client, names: Names, pointer: string, id: string, ttl: number | ''): Promise<boolean> {
    const key = this.keys.pointer(pointer);
    try {
      let gone = '';
      for (;;) {
        const present = await POINT.run(client(), [key], [id, ttl, gone], client);
        if (present === null) return true;
        const taken = await GET.run(client(), [this.keys.record(present)], [scopeOf(names)], client);
        if (taken !== null) {
          await DELETE.run(client(), [this.keys.record(id)], [scopeOf(names)], client);
          return false;
        }
        gone = present;
      }
    } catch (error) {
      throw inDoubt(operation, error);
    }
  }

  /** Clears a pointer away whose record is gone, `afterMs` for a repeat that still has to find its way. What fails leaves a pointer that means nothing. */
  async forget(client: Client, pointer: string, id: string, afterMs = 0): Promise<void> {
    if (pointer === '') return;
    try {
      await UNPOINT.run(client(), [this.keys.pointer(pointer)], [id, afterMs], client);
    } catch {
      // the record is gone, which is all that counts
    }
  }
}
