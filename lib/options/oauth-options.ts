import { createSecretKey } from 'node:crypto';
import type { Issues } from './issues.js';
import { readKid } from './jwt-options.js';
import { type KeyReading, readSecret } from './key-material.js';
import { isObject, OptionGroup } from './option-group.js';
import type { EncryptionHooks, EncryptionKey, OAuthOptions } from './service-options.js';
import type { ResolvedEncryptionKey, ResolvedOAuthOptions } from './resolved-options.js';

const OAUTH_KEYS = ['ttl', 'defaultTtl', 'refreshTtl', 'encryption'] as const satisfies readonly (keyof OAuthOptions)[];
const ENCRYPTION_KEYS = ['keys', 'encrypt', 'decrypt'] as const;
const MIN_KEY_BYTES = 32;
const KEY_KEYS = ['id', 'key'] as const satisfies readonly (keyof EncryptionKey)[];

/** `path` is where they stand: '' for a store made by hand. */
export function resolveOAuthOptions(value: unknown, issues: Issues, path = 'oauth'): ResolvedOAuthOptions {
  const group = new OptionGroup(value ?? undefined, path, issues, OAUTH_KEYS);
  const encryption = resolveEncryption(group, issues);
  return {
    ...(group.has('ttl') && { ttlMs: group.duration('ttl', 1, { minMs: 1 }) }),
    defaultTtlMs: group.duration('defaultTtl', '24h', { minMs: 1 }),
    refreshTtlMs: group.duration('refreshTtl', '30d', { minMs: 1 }),
    ...(encryption && { encryption }),
  };
}

function resolveEncryption(group: OptionGroup, issues: Issues): ResolvedOAuthOptions['encryption'] | undefined {
  const value = group.get('encryption');
  if (value === undefined) return undefined;
  if (!isObject(value)) return group.reject('encryption', 'must be { keys: [{ id, key }] } or { encrypt, decrypt }');
  const isHooks = typeof value['encrypt'] === 'function' || typeof value['decrypt'] === 'function';
  // Hooks may be methods of an object that has other members, too.
  const encryption = new OptionGroup(value, group.at('encryption'), issues, isHooks ? Object.keys(value) : ENCRYPTION_KEYS);
  if (!encryption.has('encrypt') && !encryption.has('decrypt')) return { keys: resolveKeys(encryption, issues) };
  if (encryption.has('keys')) encryption.reject('keys', 'give either keys or the functions encrypt and decrypt');
  for (const name of ['encrypt', 'decrypt'] as const) {
    if (typeof encryption.get(name) !== 'function') encryption.reject(name, 'must be a function; both encrypt and decrypt are needed');
  }
  return value as unknown as EncryptionHooks;
}

function resolveKeys(group: OptionGroup, issues: Issues): ResolvedEncryptionKey[] {
  const list = group.get('keys');
  if (!Array.isArray(list) || list.length === 0) {
    group.reject('keys', 'must be a list of at least one { id, key }; the first encrypts, all decrypt');
    return [];
  }
  const ids = new Set<string>();
  return list.flatMap((entry: unknown, index) => {
    const item = new OptionGroup(entry ?? null, `${group.at('keys')}[${index}]`, issues, KEY_KEYS);
    const id = readKid(item, ids, 'id');
    const { key, problem } = readKey(item.get('key'));
    if (key !== undefined) return [{ id, secret: key }];
    item.reject('key', item.has('key') ? problem : 'is required');
    return [];
  });
}

/** Text may be guessable and is checked for that; bytes come from a generator. */
function readKey(value: unknown): KeyReading {
  if (!(value instanceof Uint8Array)) return readSecret(value);
  if (value.length < MIN_KEY_BYTES) return { problem: `must have at least ${MIN_KEY_BYTES} bytes` };
  return { key: createSecretKey(value) };
}
