// Checked by tsc alone: each line must compile, or fail to where @ts-expect-error says so.
import type { Cluster, Redis } from 'ioredis';
import { type OAuthDb as Exported, OAuthTokenStore } from 'nestjs-redis-auth';

/** As the SDK has it. */
type ClientCredentials = { clientId: string; clientSecret: string; redirectUri: string };
type PKCEValues = { codeVerifier: string; codeChallenge: string; resourceUrl: string; url: string };
type AccessToken = { accessToken: string; refreshToken?: string; expiresAt?: number; resourceUrl: string };
interface OAuthResourceDb {
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null>;
  saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void>;
  close(): Promise<void>;
}
interface OAuthDb extends OAuthResourceDb {
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null>;
  savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void>;
  getAccessToken(userId: string, url: string): Promise<AccessToken | null>;
  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void>;
}

declare const redis: Redis;
declare const cluster: Cluster;
const secret = 'x';

export const databases: OAuthDb[] = [
  new OAuthTokenStore({ redis, secret }),
  new OAuthTokenStore({ redis: cluster, secret, keyPrefix: 'oauth:', ttl: '1h', defaultTtl: 86_400, refreshTtl: '30d' }),
  new OAuthTokenStore({ redis: 'redis://h', encryption: { keys: [{ id: 'a', key: Buffer.alloc(32) }] } }),
  new OAuthTokenStore({ redis: { url: 'redis://h' }, encryption: { encrypt: async (text) => text, decrypt: (text) => text } }),
  // @ts-expect-error an option that does not exist
  new OAuthTokenStore({ redis, secret, encrypt: (text: string) => text }),
  // @ts-expect-error only one of two functions
  new OAuthTokenStore({ redis, encryption: { encrypt: (text: string) => text } }),
];

/** What is exported is the same thing, both ways. */
export const same = (theirs: OAuthDb, ours: Exported): [Exported, OAuthDb] => [theirs, ours];

export async function documented(store: OAuthTokenStore): Promise<[string | null, boolean, boolean, string[]]> {
  await store.storeToken('key', 'token');
  await store.storeToken('key', 'token', new Date());
  // @ts-expect-error seconds
  await store.storeToken('key', 'token', 3_600);
  return [await store.getToken('key'), await store.deleteToken('key'), await store.hasToken('key'), await store.listTokens()];
}
