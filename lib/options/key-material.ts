import { createPrivateKey, createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { algorithmsOf } from './key-algorithm.js';
import { isWellFormed } from './text.js';
import { weaknessOf } from './weak-secret.js';

/** A key, or what is wrong with the input; never both, and never a word of the input itself. */
export type KeyReading = { key: KeyObject; problem?: undefined } | { key?: undefined; problem: string };

export function readSecret(input: unknown): KeyReading {
  const bytes = secretBytes(input);
  if (bytes === undefined) return { problem: 'must be a string, a Buffer, or a secret KeyObject' };
  const problem = weaknessOf(bytes);
  return problem === undefined ? { key: createSecretKey(bytes) } : { problem };
}

export function readPrivateKey(input: unknown): KeyReading {
  if (input instanceof KeyObject) {
    return input.type === 'private' ? usable(input) : { problem: `must be a private key, this KeyObject is ${input.type}` };
  }
  if (!isPem(input)) return { problem: 'must be a private key in PEM, or a KeyObject' };
  try {
    return usable(createPrivateKey(input));
  } catch {
    return { problem: 'is not a readable private key in PEM; one with a passphrase must be given as a KeyObject (createPrivateKey)' };
  }
}

export function readPublicKey(input: unknown): KeyReading {
  if (input instanceof KeyObject) {
    return input.type === 'public' ? usable(input) : { problem: `must be a public key, this KeyObject is ${input.type}` };
  }
  if (!isPem(input)) return { problem: 'must be a public key in PEM, or a KeyObject' };
  // createPublicKey would take a private key, too; one that lies in the place of a public one is about to be published.
  if (input.includes('PRIVATE KEY')) return { problem: 'is a private key; give it as privateKey' };
  try {
    return usable(createPublicKey(input));
  } catch {
    return { problem: 'is not a readable public key in PEM' };
  }
}

function usable(key: KeyObject): KeyReading {
  const { problem } = algorithmsOf(key);
  return problem === undefined ? { key } : { problem };
}

function secretBytes(input: unknown): Buffer | undefined {
  if (input instanceof KeyObject) return input.type === 'secret' ? input.export() : undefined;
  if (typeof input === 'string') return isWellFormed(input) ? Buffer.from(input) : undefined;
  return input instanceof Uint8Array ? Buffer.from(input) : undefined;
}

function isPem(input: unknown): input is string | Buffer {
  return typeof input === 'string' || Buffer.isBuffer(input);
}
