import type { RedisClient, ScanOptions } from '../redis/index.js';
import { type OAuthRecord, type SkippedRecord, skipped } from './import-record.js';
import { objectIn, readTexts, type StoredText } from './stored-text.js';

/** Where the records of \@atxp/redis are, and how to read them. */
export interface AtxpOptions extends ScanOptions {
  /** @default 'oauth:' */
  prefix?: string;
  /** What the application gave there as `decrypt`. @default nothing was encrypted */
  decrypt?: (data: string) => string | Promise<string>;
}

type Fields = Record<string, unknown>;
type Decrypt = NonNullable<AtxpOptions['decrypt']>;

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Reads what \@atxp/redis stored, for OAuthTokenStore: `client_credentials:{url}`, `pkce:{userId}:{state}` and
 * `access_token:{userId}:{url}` behind a prefix. Its names are not escaped, and a user id may hold ':' as a URL does: which
 * part is which is told by the record's own `resource_url`, or where a URL begins; what neither tells is left out as
 * `ambiguous-key`.
 *
 * @param source a client of ioredis for the Redis that has them, closed by the caller; its own options bound the time of commands
 */
export async function* fromAtxp(
  source: RedisClient,
  { prefix = 'oauth:', decrypt = (data) => data, ...options }: AtxpOptions = {},
): AsyncGenerator<OAuthRecord | SkippedRecord, void> {
  for await (const found of readTexts(source, prefix, '*:*', options)) {
    yield found.kind === 'skipped' ? found : await recordOf(found, decrypt);
  }
}

async function recordOf({ name, text, expiresAt }: StoredText, decrypt: Decrypt): Promise<OAuthRecord | SkippedRecord> {
  const [, kind, id = ''] = /^(client_credentials|pkce|access_token):(.*)$/s.exec(name) ?? [];
  const fields = objectIn(text);
  if (kind === undefined) return skipped('unknown-key');
  if (fields === undefined) return skipped('unreadable');
  try {
    if (kind === 'client_credentials') return await clientOf(id, fields, decrypt);
    if (kind === 'pkce') return await pkceOf(id, fields, expiresAt, decrypt);
    return await accessOf(id, fields, expiresAt, decrypt);
  } catch (error) {
    return skipped(error instanceof Unreadable ? 'unreadable' : 'not-decrypted');
  }
}

async function clientOf(serverUrl: string, fields: Fields, decrypt: Decrypt): Promise<OAuthRecord> {
  return {
    kind: 'oauth-client',
    serverUrl,
    clientId: await decrypt(textIn(fields, 'encrypted_client_id')),
    clientSecret: await decrypt(textIn(fields, 'encrypted_client_secret')),
    redirectUri: textIn(fields, 'redirect_uri'),
  };
}

async function pkceOf(id: string, fields: Fields, expiresAt: number | null, decrypt: Decrypt): Promise<OAuthRecord | SkippedRecord> {
  // A state is made of characters that are safe in a URL.
  const colon = id.lastIndexOf(':');
  if (colon < 0) return skipped('unknown-key');
  return {
    kind: 'oauth-pkce',
    userId: id.slice(0, colon),
    state: id.slice(colon + 1),
    codeVerifier: await decrypt(textIn(fields, 'encrypted_code_verifier')),
    codeChallenge: await decrypt(textIn(fields, 'encrypted_code_challenge')),
    resourceUrl: textIn(fields, 'resource_url'),
    url: textIn(fields, 'url'),
    expiresAt,
  };
}

async function accessOf(id: string, fields: Fields, expiresAt: number | null, decrypt: Decrypt): Promise<OAuthRecord | SkippedRecord> {
  const resourceUrl = textIn(fields, 'resource_url');
  const whose = splitAtUrl(id, resourceUrl);
  if (whose === undefined) return skipped('ambiguous-key');
  const refreshToken = fields['encrypted_refresh_token'] ?? undefined;
  const tokenExpiresAt = fields['expires_at'] ?? undefined;
  return {
    kind: 'oauth-token',
    ...whose,
    accessToken: await decrypt(textIn(fields, 'encrypted_access_token')),
    ...(refreshToken !== undefined && { refreshToken: await decrypt(textIn(fields, 'encrypted_refresh_token')) }),
    resourceUrl,
    ...(tokenExpiresAt !== undefined && { tokenExpiresAt: numberIn(tokenExpiresAt) }),
    expiresAt,
  };
}

/** The one sensible way to read `userId:url`. */
function splitAtUrl(id: string, resourceUrl: string): { userId: string; url: string } | undefined {
  const colons = [...id.matchAll(/:/g)].map(({ index }) => index);
  const all = colons.map((at) => ({ userId: id.slice(0, at), url: id.slice(at + 1) }));
  const urls = all.filter(({ url }) => url === '' || SCHEME.test(url));
  const own = urls.filter(({ url }) => url === resourceUrl);
  const above = urls.filter(({ url }) => url !== '' && resourceUrl.startsWith(url));
  const candidates = [own, above, urls, all].find((some) => some.length > 0) ?? [];
  return candidates.length === 1 ? candidates[0] : undefined;
}

class Unreadable extends Error {}

function textIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Unreadable();
  return value;
}

/** It was written as text by some versions and as a number by others. */
function numberIn(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Unreadable();
  return number;
}
