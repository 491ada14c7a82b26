import { createHmac } from 'node:crypto';
import { randomText } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { DerivedKey } from '../jwt/index.js';

const SECRET_BYTES = 32;

export function otherKey(): InvalidArgumentError {
  return new InvalidArgumentError('requestId', 'was first used by an instance with another key; use a new one');
}

/**
 * Secrets of generated tokens. With a requestId a secret is derived from a random nonce, which is all that Redis keeps
 * for a repeat: neither it nor the key alone makes the token.
 */
export class RequestSecrets {
  constructor(private readonly keys: readonly DerivedKey[]) {}

  random(): string {
    return randomText(SECRET_BYTES);
  }

  /** A nonce for {@link derive}, with the name of the key to derive with. */
  nonce(): string {
    return `${this.assertKey().kid}.${randomText(SECRET_BYTES)}`;
  }

  /** @throws InvalidArgumentError in a store without a key, where a `requestId` promises nothing */
  assertKey(): DerivedKey {
    const [first] = this.keys;
    if (first !== undefined) return first;
    throw new InvalidArgumentError(
      'requestId',
      'needs a key to derive the token from: give secret, or use the module with a key that signs',
    );
  }

  derive(nonce: string): string {
    const [kid = '', random = ''] = nonce.split('.');
    const key = this.keys.find((candidate) => candidate.kid === kid)?.key;
    if (key === undefined) throw otherKey();
    return createHmac('sha256', key).update(`request ${random}`).digest('base64url');
  }
}
