import { Injectable } from '@nestjs/common';
import { type Observer, Traced } from '../diagnostics/index.js';
import type { ResolvedOAuthOptions } from '../options/index.js';
import type { RedisAuthConnection } from '../redis/index.js';
import { cipherOf } from './encryption.js';
import {
  checkAccessToken,
  checkClientCredentials,
  checkExpiry,
  checkKey,
  checkPKCEValues,
  checkState,
  checkToken,
  checkUrl,
  checkUserId,
  toMs,
} from './oauth-arguments.js';
import { keyOfMember, OAuthKeys } from './oauth-keys.js';
import { oauthTokenStoreParts, type OAuthTokenStoreOptions, type OAuthTokenStoreParts } from './oauth-token-store-options.js';
import { DELETE_TOKEN, GET_ACCESS_TOKEN, LIST_TOKENS, SAVE_ACCESS_TOKEN, STORE_TOKEN } from './oauth-token.lua.js';
import type { AccessToken, ClientCredentials, OAuthDb, PKCEValues } from './oauth-types.js';
import { SealedRecords } from './sealed-records.js';

const CLIENT_TTL_MS = 365 * 24 * 3_600_000;
const PKCE_TTL_MS = 600_000;
const MOST_LISTED = 250;

/**
 * What this application was given by other authorization servers: its client credentials there, PKCE values of sign-ins
 * that are on their way, access and refresh tokens of its users. The `OAuthDb` of ATXP's SDK, and tokens under keys of
 * your own beside it.
 *
 * Everything is encrypted before it leaves the process; urls, user ids and states reach Redis as hashes only, keys of
 * {@link storeToken} as they are. Each method is one round trip, atomic, on the server's clock, and bounded by
 * `commandTimeout` together with your own `encrypt` or `decrypt`. Every method rejects with InvalidArgumentError before
 * any command if an argument is not what it must be; with StoreUnavailableError if Redis cannot be asked; writes with
 * StoreFullError if Redis is out of memory, and RedisAuthConfigError if nothing can be encrypted (nothing is stored
 * then); reads with DecryptionError if what is there cannot be decrypted. To repeat a call is always safe.
 * What is not there is null or false, never an error.
 *
 * Provided by the module, and usable by hand: `new OAuthTokenStore({ redis: 'redis://localhost:6379', secret })`.
 */
@Injectable()
@Traced<OAuthTokenStore>('oauth', [
  'getClientCredentials',
  'saveClientCredentials',
  'getPKCEValues',
  'savePKCEValues',
  'getAccessToken',
  'saveAccessToken',
  'storeToken',
  'getToken',
  'deleteToken',
  'hasToken',
  'listTokens',
])
export class OAuthTokenStore implements OAuthDb {
  private readonly connection: RedisAuthConnection;
  private readonly options: ResolvedOAuthOptions;
  private readonly keys: OAuthKeys;
  private readonly records: SealedRecords;
  private readonly closeOwn: (() => Promise<void>) | undefined;

  /** @throws RedisAuthConfigError that lists every mistake in the options; and where there is neither `secret` nor `encryption` */
  constructor(options: OAuthTokenStoreOptions);
  /** @internal */
  constructor(parts: OAuthTokenStoreParts);
  constructor(options: OAuthTokenStoreOptions | OAuthTokenStoreParts = {}) {
    const { connection, keyPrefix, oauth, keys, close } = oauthTokenStoreParts(options);
    this.connection = connection;
    this.options = oauth;
    this.keys = new OAuthKeys(keyPrefix);
    this.records = new SealedRecords(connection, cipherOf(oauth, keyPrefix, keys));
    this.closeOwn = close;
  }

  /** @internal */
  get observer(): Observer {
    return this.connection.observer;
  }

  /** The credentials at a server; kept for another year by being read. */
  async getClientCredentials(serverUrl: string): Promise<ClientCredentials | null> {
    const key = this.keys.client(checkUrl('serverUrl', serverUrl));
    return this.records.read('oauth.getClientCredentials', key, (client) => client.getex(key, 'PX', CLIENT_TTL_MS), checkClientCredentials);
  }

  /** Keeps the credentials at a server, in place of earlier ones, until they have not been read for a year. */
  async saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void> {
    const key = this.keys.client(checkUrl('serverUrl', serverUrl));
    const checked = checkClientCredentials(credentials);
    await this.records.write('oauth.saveClientCredentials', key, checked, (client, sealed) => client.set(key, sealed, 'PX', CLIENT_TTL_MS));
  }

  /**
   * The PKCE values of a state, once: of several callers at once one gets them, everyone after that null. Where the reply
   * is lost, or they cannot be decrypted, they are gone, and the sign-in has to begin again (RFC 7636; RFC 9700, section
   * 2.1.1).
   */
  async getPKCEValues(userId: string, state: string): Promise<PKCEValues | null> {
    const key = this.keys.pkce(checkUserId(userId), checkState(state));
    return this.records.read('oauth.getPKCEValues', key, (client) => client.getdel(key), checkPKCEValues);
  }

  /** Keeps the PKCE values of a state for 600 seconds. */
  async savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void> {
    const key = this.keys.pkce(checkUserId(userId), checkState(state));
    const checked = checkPKCEValues(values);
    await this.records.write('oauth.savePKCEValues', key, checked, (client, sealed) => client.set(key, sealed, 'PX', PKCE_TTL_MS));
  }

  /** The token of a user for a url. One that has expired is given only with its refresh token, its `expiresAt` as it was saved. */
  async getAccessToken(userId: string, url: string): Promise<AccessToken | null> {
    const key = this.keys.access(checkUserId(userId), checkUrl('url', url));
    return this.records.read(
      'oauth.getAccessToken',
      key,
      (client, again) => GET_ACCESS_TOKEN.run(client, [key], [], again),
      checkAccessToken,
    );
  }

  /**
   * Keeps the token of a user for a url, in place of an earlier one: until its `expiresAt`, or for `defaultTtl` without
   * one; with a refresh token for at least `refreshTtl` from now. With the option `ttl` for just that long, whatever the
   * token says. Of one that has expired already and has no refresh token nothing is kept.
   */
  async saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void> {
    const key = this.keys.access(checkUserId(userId), checkUrl('url', url));
    const checked = checkAccessToken(token);
    const expires = checked.expiresAt === undefined ? '' : toMs(checked.expiresAt);
    const { ttlMs, defaultTtlMs, refreshTtlMs } = this.options;
    const times = [expires, ttlMs ?? '', defaultTtlMs, checked.refreshToken ? refreshTtlMs : ''];
    await this.records.write('oauth.saveAccessToken', key, checked, (client, sealed, again) =>
      SAVE_ACCESS_TOKEN.run(client, [key], [sealed, ...times], again),
    );
  }

  /**
   * Keeps a token under a key of your own, in place of an earlier one, until `expiresAt`, or else for the option `ttl` or
   * `defaultTtl`. Nothing is kept where `expiresAt` is past. The key is stored as it is: put no secret into it.
   *
   * @param key of 1 to 1,024 bytes
   */
  async storeToken(key: string, token: string, expiresAt?: Date): Promise<void> {
    const { record, index, member } = this.keys.token(checkKey(key));
    const text = checkToken(token);
    const expires = checkExpiry(expiresAt)?.getTime() ?? '';
    const lifeMs = this.options.ttlMs ?? this.options.defaultTtlMs;
    await this.records.write('oauth.storeToken', record, text, (client, sealed, again) =>
      STORE_TOKEN.run(client, [record, index], [sealed, member, expires, lifeMs], again),
    );
  }

  /** The token under a key of {@link storeToken}. */
  async getToken(key: string): Promise<string | null> {
    const { record } = this.keys.token(checkKey(key));
    return this.records.read('oauth.getToken', record, (client) => client.get(record), checkToken);
  }

  /** Forgets a token; false if there was none, so also for a repeat after a lost reply. */
  async deleteToken(key: string): Promise<boolean> {
    const { record, index, member } = this.keys.token(checkKey(key));
    return this.connection.execute(
      'oauth.deleteToken',
      async (client, again) => Number(await DELETE_TOKEN.run(client, [record, index], [member], again)) === 1,
    );
  }

  /** Whether there is a token under a key, without decrypting it. */
  async hasToken(key: string): Promise<boolean> {
    const { record } = this.keys.token(checkKey(key));
    return this.connection.execute('oauth.hasToken', async (client) => (await client.exists(record)) > 0);
  }

  /**
   * The keys of all tokens of {@link storeToken} under this `keyPrefix`, sorted; costs the same whatever else Redis holds.
   * Sixteen scripts at once, and as many again for every 250 tokens in the largest of those parts.
   */
  async listTokens(): Promise<string[]> {
    const shards = await this.connection.execute('oauth.listTokens', (_client, again) =>
      Promise.all(
        this.keys.indexes.map(async (index) => {
          const members: string[] = [];
          let [expiry, last] = ['', ''];
          do {
            const [nextExpiry, nextLast, ...page] = await LIST_TOKENS.run(again(), [index], [MOST_LISTED, expiry, last], again);
            members.push(...page);
            [expiry, last] = [nextExpiry, nextLast];
          } while (last !== '');
          return members;
        }),
      ),
    );
    return shards.flat().map(keyOfMember).sort();
  }

  /** Closes the connection that this store opened; that of the module, and a client of yours, stay open. Any number of times. */
  async close(): Promise<void> {
    await this.closeOwn?.();
  }
}
