import type { OAuthRecord, SkipReason } from './import-record.js';

/** Where records of OAuth go: OAuthTokenStore, or whatever else has its methods. */
export interface OAuthTarget {
  getClientCredentials(serverUrl: string): Promise<object | null>;
  saveClientCredentials(serverUrl: string, credentials: { clientId: string; clientSecret: string; redirectUri: string }): Promise<void>;
  savePKCEValues(
    userId: string,
    state: string,
    values: { codeVerifier: string; codeChallenge: string; resourceUrl: string; url: string },
  ): Promise<void>;
  getAccessToken(userId: string, url: string): Promise<object | null>;
  saveAccessToken(
    userId: string,
    url: string,
    token: { accessToken: string; refreshToken?: string; expiresAt?: number; resourceUrl: string },
  ): Promise<void>;
}

/**
 * Saves a record, unless there is one of that name: what was saved since is newer. PKCE values cannot be looked at without
 * using them up, and are saved in any case.
 */
export async function importOAuth(
  target: OAuthTarget,
  record: OAuthRecord,
  { now, dryRun }: { now: number; dryRun: boolean },
): Promise<'imported' | 'present' | SkipReason> {
  if (!isComplete(record)) return 'malformed';
  if (record.kind !== 'oauth-client' && record.expiresAt !== null && record.expiresAt <= now) return 'expired';
  if (dryRun) return 'imported';
  switch (record.kind) {
    case 'oauth-client': {
      const { serverUrl, clientId, clientSecret, redirectUri } = record;
      if ((await target.getClientCredentials(serverUrl)) !== null) return 'present';
      await target.saveClientCredentials(serverUrl, { clientId, clientSecret, redirectUri });
      return 'imported';
    }
    case 'oauth-pkce': {
      const { userId, state, codeVerifier, codeChallenge, resourceUrl, url } = record;
      await target.savePKCEValues(userId, state, { codeVerifier, codeChallenge, resourceUrl, url });
      return 'imported';
    }
    case 'oauth-token': {
      const { userId, url, accessToken, refreshToken, tokenExpiresAt, resourceUrl } = record;
      if ((await target.getAccessToken(userId, url)) !== null) return 'present';
      await target.saveAccessToken(userId, url, {
        accessToken,
        resourceUrl,
        ...(refreshToken !== undefined && { refreshToken }),
        ...(tokenExpiresAt !== undefined && { expiresAt: tokenExpiresAt }),
      });
      return 'imported';
    }
  }
}

const TEXTS = {
  'oauth-client': ['serverUrl', 'clientId', 'clientSecret', 'redirectUri'],
  'oauth-pkce': ['userId', 'state', 'codeVerifier', 'codeChallenge', 'resourceUrl', 'url'],
  'oauth-token': ['userId', 'url', 'accessToken', 'resourceUrl'],
} as const;

function isComplete(record: OAuthRecord): boolean {
  const values = new Map<string, unknown>(Object.entries(record));
  const isNumber = (name: string): boolean => Number.isFinite(values.get(name) ?? 0);
  const isTextOrAbsent = (name: string): boolean => ['string', 'undefined'].includes(typeof values.get(name));
  return (
    TEXTS[record.kind].every((name) => typeof values.get(name) === 'string') &&
    isTextOrAbsent('refreshToken') &&
    isNumber('tokenExpiresAt') &&
    isNumber('expiresAt')
  );
}
