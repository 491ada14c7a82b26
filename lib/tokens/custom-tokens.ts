import { inDoubt, type RedisClient } from '../redis/index.js';
import { type CheckedScope } from './token-arguments.js';
import { type Names, pointerOf, scopeOf, type TokenKeys } from './token-keys.js';
import { POINT, PROLONG, UNPOINT } from './pointer.lua.js';
import { DELETE, GET } from './token.lua.js';

/** The client of a call that is under way; throws where its caller has been told meanwhile that it failed. */
type Client = () => RedisClient;

/** Gives the record of that id its new life; false where it is not live. */
type Refresh = (id: string) => Promise<boolean>;

interface Claim {
  /** Key of the answer that a repeat of the request would get: it goes with the record. */
  request?: string | undefined;
  /** Stored by this very call: the record goes, too, where Redis refuses the pointer. */
  isNew?: boolean;
}

/** A record's new life begins later than its pointer's. */
const REFRESHED_WITHIN_MS = 10_000;

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

  /**
   * Gives a live token a new life of `ttl` ms (`''` for ever) with `refresh`, and its pointer one that is at least as
   * long, and that ends where the token's does. Two round trips, three where that takes another change of the pointer.
   */
  async prolong(client: Client, { names }: CheckedScope, token: string, ttl: number | '', refresh: Refresh): Promise<boolean> {
    const pointer = pointerOf(names, token);
    const pointerTtl = ttl === '' ? '' : ttl + REFRESHED_WITHIN_MS;
    const found = await PROLONG.run(client(), [this.keys.pointer(pointer)], [pointerTtl], client);
    if (found === null) return false;
    const [id, life] = found;
    const isLive = await refresh(id);
    if (!isLive) await this.forget(client, pointer, id);
    else if (pointerTtl !== '' && life === 'for ever') await this.forget(client, pointer, id, pointerTtl);
    return isLive;
  }

  /**
   * Points a token, by its hash, to its record; false where it leads to another live one, and then the record is gone
   * again. One round trip, more where the token was used before.
   */
  async claim(
    operation: string,
    client: Client,
    names: Names,
    pointer: string,
    id: string,
    ttl: number | '',
    { request, isNew = false }: Claim = {},
  ): Promise<boolean> {
    const key = this.keys.pointer(pointer);
    const withdraw = (): Promise<unknown> => {
      const keys = [this.keys.record(id), ...(request === undefined ? [] : [request])];
      return DELETE.run(client(), keys, [scopeOf(names)], client);
    };
    const point = (gone: string): Promise<string | null> =>
      POINT.run(client(), [key], [id, ttl, gone], client).catch(async (error: unknown) => {
        if (!isNew || !isReply(error)) throw error;
        await withdraw();
        throw new Refused(error);
      });
    try {
      let gone = '';
      for (;;) {
        const present = await point(gone);
        if (present === null) return true;
        const taken = await GET.run(client(), [this.keys.record(present)], [scopeOf(names)], client);
        if (taken !== null) {
          await withdraw();
          return false;
        }
        gone = present;
      }
    } catch (error) {
      throw error instanceof Refused ? error.reply : inDoubt(operation, error);
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

/** A reply by which Redis did not set a pointer, where nothing is left of the attempt. */
class Refused {
  constructor(readonly reply: unknown) {}
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
