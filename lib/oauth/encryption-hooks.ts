import { DecryptionError, RedisAuthConfigError } from '../errors/index.js';
import { type EncryptionHooks, isText } from '../options/index.js';
import type { Cipher } from './cipher.js';

const MAX_SEALED_BYTES = 1_048_576;

/**
 * Encryption by the application's own functions. They know nothing of places, so that the place goes into the text, which
 * also tells what they have decrypted from what they have merely returned.
 */
export class HookCipher implements Cipher {
  constructor(private readonly hooks: EncryptionHooks) {}

  async seal(place: string, text: string): Promise<string> {
    let sealed: unknown;
    try {
      sealed = await this.hooks.encrypt(`${place}\n${text}`);
    } catch (cause) {
      throw failed('failed; nothing was stored', { cause });
    }
    if (!isText(sealed, MAX_SEALED_BYTES)) throw failed(`must return text of 1 to ${MAX_SEALED_BYTES} bytes; nothing was stored`);
    return sealed;
  }

  async open(place: string, sealed: string): Promise<string> {
    let text: unknown;
    try {
      text = await this.hooks.decrypt(sealed);
    } catch (cause) {
      throw new DecryptionError(undefined, { cause });
    }
    if (typeof text !== 'string' || !text.startsWith(`${place}\n`)) throw new DecryptionError();
    return text.slice(place.length + 1);
  }
}

function failed(message: string, options?: { cause: unknown }): RedisAuthConfigError {
  return new RedisAuthConfigError([{ path: 'oauth.encryption.encrypt', message }], options);
}
