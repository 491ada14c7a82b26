import { isObject } from '../data/index.js';
import { deriveKey, type DerivedKey, DEFAULT_KID } from '../jwt/index.js';
import {
  type OAuthOptions,
  resolveOAuthOptions,
  type ResolvedOAuthOptions,
  resolveStandalone,
  type StandaloneOptions,
} from '../options/index.js';
import { RedisAuthConnection } from '../redis/index.js';
import { encryptionKeyPurpose } from './encryption.js';
import { noKey } from './encryption-keys.js';

/** What an OAuthTokenStore made by hand takes: one of `encryption` and `secret` at least, since nothing is stored in plain text. */
export interface OAuthTokenStoreOptions extends StandaloneOptions, OAuthOptions {}

/** What an OAuthTokenStore works with. */
export interface OAuthTokenStoreParts {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
  readonly oauth: ResolvedOAuthOptions;
  /** Derived with {@link encryptionKeyPurpose}; used unless `oauth.encryption` has keys or hooks. None where nothing signs. */
  readonly keys: readonly DerivedKey[];
  /** Absent where somebody else closes. */
  readonly close?: () => Promise<void>;
}

const OWN_KEYS = ['ttl', 'defaultTtl', 'refreshTtl', 'encryption'] as const satisfies readonly (keyof OAuthOptions)[];

export function isOAuthTokenStoreParts(options: OAuthTokenStoreOptions | OAuthTokenStoreParts): options is OAuthTokenStoreParts {
  return isObject(options) && 'connection' in options && options.connection instanceof RedisAuthConnection;
}

/** @throws RedisAuthConfigError for wrong options, and where there is nothing to encrypt with */
export function openOAuthTokenStoreParts(options: OAuthTokenStoreOptions): OAuthTokenStoreParts {
  const { redis, keyPrefix, commandTimeoutMs, secret, oauth } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    oauth: resolveOAuthOptions(values, issues, ''),
  }));
  if (secret === undefined && oauth.encryption === undefined)
    throw noKey(
      'secret',
      'is required to encrypt what is stored; give it, or encryption.keys, or encryption.encrypt and encryption.decrypt',
    );
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  const keys = secret === undefined ? [] : [{ kid: DEFAULT_KID, key: deriveKey(secret, encryptionKeyPurpose(keyPrefix)) }];
  return { connection, keyPrefix, oauth, keys, close: () => connection.close() };
}
