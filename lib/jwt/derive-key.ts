import { hkdfSync, type KeyObject } from 'node:crypto';
import type { ResolvedJwtOptions } from '../options/index.js';

/** A key for one purpose, and the name of the key that it was derived from. */
export interface DerivedKey {
  readonly kid: string;
  readonly key: Buffer;
}

/** The kid of a registration that names no keys. */
export const DEFAULT_KID = '0';

/**
 * A key of 32 bytes for one purpose, from a secret or private key that has another: HKDF-SHA256 (RFC 5869)
 * over the secret's bytes, or the private key's PKCS#8 DER, with `purpose` as its info. The same key and
 * purpose give the same bytes in every process.
 */
export function deriveKey(key: KeyObject, purpose: string): Buffer {
  const material = key.type === 'secret' ? key.export() : key.export({ format: 'der', type: 'pkcs8' });
  return Buffer.from(hkdfSync('sha256', material, '', purpose, 32));
}

/** One key of {@link deriveKey} for each key that signs; none in a module that only verifies. */
export function derivedKeys({ keys }: ResolvedJwtOptions, purpose: string): DerivedKey[] {
  return keys.flatMap(({ kid, signingKey }) =>
    signingKey === undefined ? [] : [{ kid: kid ?? DEFAULT_KID, key: deriveKey(signingKey, purpose) }],
  );
}
