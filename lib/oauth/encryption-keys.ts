import { createSecretKey, type KeyObject } from 'node:crypto';
import { seal, unseal } from '../data/index.js';
import { DecryptionError, RedisAuthConfigError } from '../errors/index.js';
import type { DerivedKey } from '../jwt/index.js';
import type { Cipher } from './cipher.js';

const SEALED = /^v1\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{38,})$/;

/**
 * AES-256-GCM with keys by id: the first encrypts, all decrypt. Sealed text is `v1.<id>.<what was sealed>`, base64url;
 * place and id are authenticated with it.
 */
export class KeyCipher implements Cipher {
  private readonly keys: ReadonlyMap<string, KeyObject>;

  constructor(keys: readonly DerivedKey[]) {
    this.keys = new Map(keys.map(({ kid, key }) => [kid, createSecretKey(key)]));
  }

  seal(place: string, text: string): string {
    const [id, key] = this.first();
    return `v1.${id}.${seal(key, text, `${id} ${place}`).toString('base64url')}`;
  }

  open(place: string, sealed: string): string {
    this.first();
    const [, id, text] = SEALED.exec(sealed) ?? [];
    if (id === undefined) throw new DecryptionError();
    const key = this.keys.get(id);
    const bytes = Buffer.from(text!, 'base64url');
    // The last character may have bits that decoding drops.
    if (key === undefined || bytes.toString('base64url') !== text) throw new DecryptionError(id);
    return unseal(key, bytes, `${id} ${place}`, id);
  }

  private first(): [id: string, key: KeyObject] {
    for (const entry of this.keys) return entry;
    const message = 'is needed where there is no key that signs; give keys, or encrypt and decrypt';
    throw new RedisAuthConfigError([{ path: 'oauth.encryption', message }]);
  }
}
