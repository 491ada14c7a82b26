import { deriveKey, type DerivedKey, namespaceOf } from '../jwt/index.js';
import type { ResolvedOAuthOptions } from '../options/index.js';
import type { Cipher } from './cipher.js';
import { HookCipher } from './encryption-hooks.js';
import { KeyCipher } from './encryption-keys.js';

/** Bound to the prefix, so that what one registration encrypted is nothing in another with the same secret. */
export function encryptionKeyPurpose(keyPrefix: string): string {
  return `oauth:${namespaceOf(keyPrefix)}`;
}

/** @param derived keys for {@link encryptionKeyPurpose}, for a store that was given none of its own */
export function cipherOf({ encryption }: ResolvedOAuthOptions, keyPrefix: string, derived: readonly DerivedKey[]): Cipher {
  if (encryption === undefined) return new KeyCipher(derived);
  if (!('keys' in encryption)) return new HookCipher(encryption);
  const purpose = encryptionKeyPurpose(keyPrefix);
  return new KeyCipher(encryption.keys.map(({ id, secret }) => ({ kid: id, key: deriveKey(secret, purpose) })));
}
