import { deriveKey, type DerivedKey, DEFAULT_KID, namespaceOf } from '../jwt/index.js';
import {
  resolveStandalone,
  resolveTokenOptions,
  type ResolvedTokenOptions,
  type StandaloneOptions,
  type TokenOptions,
} from '../options/index.js';
import { RedisAuthConnection, sharesConnection } from '../redis/index.js';

/** What a TokenStore made by hand takes. */
export interface TokenStoreOptions extends StandaloneOptions, TokenOptions {}

/** What a TokenStore works with. */
export interface TokenStoreParts {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
  readonly tokens: ResolvedTokenOptions;
  /** Derived with {@link tokenKeyPurpose}; the first is used for what is new. */
  readonly keys: readonly DerivedKey[];
  /** Absent where somebody else closes. */
  readonly close?: () => Promise<void>;
}

const OWN_KEYS = ['defaultTtl', 'maxDataBytes'] as const satisfies readonly (keyof TokenOptions)[];

/** Bound to the prefix, so that what one registration derived is nothing in another with the same secret. */
export function tokenKeyPurpose(keyPrefix: string): string {
  return `tokens:${namespaceOf(keyPrefix)}`;
}

/** @throws RedisAuthConfigError that lists every mistake */
export function tokenStoreParts(options: TokenStoreOptions | TokenStoreParts): TokenStoreParts {
  if (sharesConnection<TokenStoreParts>(options)) return options;
  const { redis, keyPrefix, commandTimeoutMs, secret, tokens } = resolveStandalone(options, OWN_KEYS, (values, issues) => ({
    tokens: resolveTokenOptions(values, issues, ''),
  }));
  const connection = new RedisAuthConnection(redis, { commandTimeoutMs });
  const keys = secret === undefined ? [] : [{ kid: DEFAULT_KID, key: deriveKey(secret, tokenKeyPurpose(keyPrefix)) }];
  return { connection, keyPrefix, tokens, keys, close: () => connection.close() };
}
