import { hkdfSync, type KeyObject } from 'node:crypto';

/**
 * A key of 32 bytes for one purpose, from a secret or private key that has another: HKDF-SHA256 (RFC 5869)
 * over the secret's bytes, or the private key's PKCS#8 DER, with `purpose` as its info. The same key and
 * purpose give the same bytes in every process.
 */
export function deriveKey(key: KeyObject, purpose: string): Buffer {
  const material = key.type === 'secret' ? key.export() : key.export({ format: 'der', type: 'pkcs8' });
  return Buffer.from(hkdfSync('sha256', material, '', purpose, 32));
}
