/**
 * A token of this package's own layout. It holds no secret: `id` is public, and a custom token is known by a hash.
 * Moments are Unix milliseconds. Every record is plain JSON, so that a line of NDJSON can hold it.
 */
export interface TokenRecord {
  kind: 'token';
  /** Public id of the token. */
  id: string;
  app: string;
  type: string;
  owner: string;
  data: Record<string, unknown>;
  /** When it was made. @default when it is imported */
  createdAt?: number;
  /** When it ends, null for never. */
  expiresAt: number | null;
  /** Hash of a custom token; a generated one has none. */
  pointer?: string;
}

/** A token that something else stored, in the clear. It becomes a custom token, and is hashed before it goes anywhere. */
export interface ForeignTokenRecord {
  kind: 'foreign-token';
  token: string;
  type: string;
  owner: string;
  /** @default 'default' */
  app?: string;
  /** @default {} */
  data?: Record<string, unknown>;
  /** When it ends, null for never. */
  expiresAt: number | null;
}

/** Client credentials for {@link OAuthTarget}; nothing in it is encrypted. */
export interface OAuthClientRecord {
  kind: 'oauth-client';
  serverUrl: string;
  clientId: string;
  clientSecret: string;
  redirectUri: string;
}

/** PKCE values for {@link OAuthTarget}; nothing in it is encrypted. */
export interface OAuthPKCERecord {
  kind: 'oauth-pkce';
  userId: string;
  state: string;
  codeVerifier: string;
  codeChallenge: string;
  resourceUrl: string;
  url: string;
  /** When they end. */
  expiresAt: number | null;
}

/** An access token for {@link OAuthTarget}; nothing in it is encrypted. */
export interface OAuthAccessRecord {
  kind: 'oauth-token';
  userId: string;
  url: string;
  accessToken: string;
  refreshToken?: string;
  resourceUrl: string;
  /** When the access token ends, where that is known: Unix seconds. */
  tokenExpiresAt?: number;
  /** When the record that held it ends. */
  expiresAt: number | null;
}

export type OAuthRecord = OAuthClientRecord | OAuthPKCERecord | OAuthAccessRecord;

/**
 * Why something was not imported.
 *
 * Any record: `expired` · `malformed` no record, or text out of bounds · `bad-data` no object, or larger than
 * `tokens.maxDataBytes` · `wrong-id` of another app, owner, type or token · `generated-form` looks like a token that was
 * generated here, and would never be found · `token-taken` the same token is live under another id · `no-oauth-store`
 * importTokens was given none
 *
 * What a reader found: `unknown-key` its name cannot be read · `ambiguous-key` it can be read in several ways · `not-a-string`
 * a key of another type · `unreadable` a value of another form · `no-owner` · `not-decrypted` · `secret` left out of a file
 * without secrets
 */
export type SkipReason =
  | 'expired'
  | 'malformed'
  | 'wrong-id'
  | 'generated-form'
  | 'token-taken'
  | 'bad-data'
  | 'ambiguous-key'
  | 'unknown-key'
  | 'no-owner'
  | 'not-a-string'
  | 'unreadable'
  | 'not-decrypted'
  | 'secret'
  | 'no-oauth-store';

/** Something that a reader found and could make no record of. */
export interface SkippedRecord {
  kind: 'skipped';
  reason: SkipReason;
}

/** What importTokens takes. `line` is where it stands in a file. */
export type ImportRecord = (TokenRecord | ForeignTokenRecord | OAuthRecord | SkippedRecord) & { line?: number };

export function skipped(reason: SkipReason): SkippedRecord {
  return { kind: 'skipped', reason };
}
