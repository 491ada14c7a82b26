import { deriveKey, type DerivedKey, DEFAULT_KID } from '../jwt/index.js';
import {
  type OAuthOptions,
  resolveOAuthOptions,
  type ResolvedOAuthOptions,
  resolveStandalone,
  type StandaloneOptions,
} from '../options/index.js';
import { RedisAuthConnection, sharesConnection } from '../redis/index.js';
import { encryptionKeyPurpose } from './encryption.js';
import { RedisAuthConfigError } from '../errors/index.js';

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

/** @throws RedisAuthConfigError for wrong options, and where there is nothing to encrypt with */
export function oauthTokenStoreParts(options: OAuthTokenStoreOptions | OAuthTokenStoreParts): OAuthTokenStoreParts {
  if (sharesConnection<OAuthTokenStoreParts>(options)) return options;
  const { redis, keyPrefix, commandTimeoutMs, secret, oauth } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    oauth: resolveOAuthOptions(values, issues, ''),
  }));
  if (secret === undefined && oauth.encryption === undefined)
    throw new RedisAuthConfigError([
      {
        path: 'secret',
        message: 'is required to encrypt what is stored; give it, or encryption.keys, or encryption.encrypt and encryption.decrypt',
      },
    ]);
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  const keys = secret === undefined ? [] : [{ kid: DEFAULT_KID, key: deriveKey(secret, encryptionKeyPurpose(keyPrefix)) }];
  return { connection, keyPrefix, oauth, keys, close: () => connection.close() };
}
