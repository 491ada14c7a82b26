import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { DecryptionError, RedisAuthConfigError } from '../errors/index.js';
import type { DerivedKey } from '../jwt/index.js';
import type { Cipher } from './cipher.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = /^v1\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})$/;

/**
 * AES-256-GCM (NIST SP 800-38D) with keys by id: the first encrypts, all decrypt. Sealed text is
 * `v1.<id>.<nonce>.<ciphertext and tag>`, base64url; place and id are authenticated with it. The nonce is random: one key
 * is good for 2³² records.
 */
export class KeyCipher implements Cipher {
  private readonly keys: ReadonlyMap<string, KeyObject>;

  constructor(keys: readonly DerivedKey[]) {
    this.keys = new Map(keys.map(({ kid, key }) => [kid, createSecretKey(key)]));
  }

  seal(place: string, text: string): string {
    const [id, key] = this.first();
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(authenticated(id, place));
    const bytes = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `v1.${id}.${nonce.toString('base64url')}.${bytes.toString('base64url')}`;
  }

  open(place: string, sealed: string): string {
    this.first();
    const [, id, nonceText, text] = SEALED.exec(sealed) ?? [];
    if (id === undefined) throw new DecryptionError();
    const key = this.keys.get(id);
    const bytes = Buffer.from(text!, 'base64url');
    // The last character may have bits that decoding drops.
    if (key === undefined || bytes.toString('base64url') !== text) throw new DecryptionError(id);
    const end = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(nonceText!, 'base64url'), { authTagLength: TAG_BYTES })
      .setAAD(authenticated(id, place))
      .setAuthTag(bytes.subarray(end));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, end)), decipher.final()]).toString();
    } catch {
      throw new DecryptionError(id);
    }
  }

  private first(): [id: string, key: KeyObject] {
    for (const entry of this.keys) return entry;
    throw noKey('oauth.encryption', 'is needed where there is no key that signs; give keys, or encrypt and decrypt');
  }
}

/** Nothing is ever stored in plain text for want of a key. */
export function noKey(path: string, message: string): RedisAuthConfigError {
  return new RedisAuthConfigError([{ path, message }]);
}

function authenticated(id: string, place: string): Buffer {
  return Buffer.from(`${id} ${place}`);
}
