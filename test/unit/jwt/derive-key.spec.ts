import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveKey } from '../../../lib/jwt/index.js';

describe('deriveKey', () => {
  it('is the HKDF of RFC 5869', () => {
    // Test case 3: zero-length salt and info, first 32 of its bytes.
    const key = createSecretKey(Buffer.alloc(22, 0x0b));
    expect(deriveKey(key, '').toString('hex')).toBe('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d');
  });

  it('is the same for the same key however it was made, and differs by purpose and key', () => {
    const secret = randomBytes(32);
    const derived = deriveKey(createSecretKey(secret), 'refresh');
    expect(derived).toHaveLength(32);
    expect(deriveKey(createSecretKey(Buffer.from(secret)), 'refresh')).toEqual(derived);
    expect(deriveKey(createSecretKey(secret), 'other')).not.toEqual(derived);
    expect(deriveKey(createSecretKey(randomBytes(32)), 'refresh')).not.toEqual(derived);
  });

  it('takes private keys too', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    expect(deriveKey(privateKey, 'refresh')).toEqual(deriveKey(privateKey, 'refresh'));
    expect(deriveKey(privateKey, 'refresh')).not.toEqual(deriveKey(generateKeyPairSync('ed25519').privateKey, 'refresh'));
  });
});
