import { DecryptionError, InvalidArgumentError } from '../errors/index.js';
import type { Again, RedisAuthConnection, RedisClient } from '../redis/index.js';
import type { Cipher } from './cipher.js';

/** Records of which Redis holds nothing but ciphertext. One call, encryption included, is bounded by `commandTimeout`. */
export class SealedRecords {
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly cipher: Cipher,
  ) {}

  /** @throws RedisAuthConfigError, and nothing is sent, where the value cannot be encrypted */
  async write(
    operation: string,
    key: string,
    value: unknown,
    send: (client: RedisClient, sealed: string, again: Again) => Promise<unknown>,
  ) {
    let sealed = '';
    const encryption = (async () => {
      sealed = await this.cipher.seal(key, JSON.stringify(value));
    })();
    await this.connection.execute(operation, (client, again) => send(client, sealed, again), encryption);
  }

  /**
   * Null where there is none.
   *
   * @throws DecryptionError, never something else than what was stored
   */
  read<T>(
    operation: string,
    key: string,
    send: (client: RedisClient, again: Again) => Promise<string | null>,
    check: (value: unknown) => T,
  ): Promise<T | null> {
    return this.connection.execute(operation, async (client, again) => {
      const sealed = await send(client, again);
      return sealed === null ? null : parse(await this.cipher.open(key, sealed), check);
    });
  }
}

/** Not a word of the text may reach an error, and those of JSON.parse quote it. */
function parse<T>(text: string, check: (value: unknown) => T): T {
  try {
    return check(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InvalidArgumentError) throw new DecryptionError();
    throw error;
  }
}
