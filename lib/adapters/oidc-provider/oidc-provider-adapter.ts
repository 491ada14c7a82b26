import type { KeyObject } from 'node:crypto';
import type { AdapterFactory } from 'oidc-provider';
import { type KeyInput, readSecret, resolveStandalone, type StandaloneOptions } from '../../options/index.js';
import { RedisAuthConnection } from '../../redis/index.js';
import { ModelAdapter } from './model-adapter.js';
import { RecordPlaces } from './record-places.js';

/** How the adapter names and protects what it stores. */
export interface OidcProviderAdapterOptions extends Pick<StandaloneOptions, 'keyPrefix' | 'secret'> {
  /**
   * One for each issuer: two Providers with the same prefix share everything.
   *
   * @default 'auth:'
   */
  keyPrefix?: string;
  /**
   * At least 32 bytes, the same in every process. Needed for dynamic client registration and the device flow, whose
   * client ids and user codes can be guessed; all else is protected by its own id and needs none.
   */
  secret?: KeyInput;
  /** Former values of `secret`: what was stored with them is still found. @default none */
  previousSecrets?: KeyInput[];
}

/** The options of an adapter that has a connection of its own. */
export interface StandaloneOidcProviderAdapterOptions extends OidcProviderAdapterOptions, StandaloneOptions {}

/** An adapter with a connection of its own. */
export type StandaloneOidcProviderAdapter = AdapterFactory & {
  /** Closes the connection, within 2 s in every state; a client that the caller gave stays open. More than once is harmless. */
  close(): Promise<void>;
};

/**
 * The storage of an `oidc-provider`: `new Provider(issuer, { adapter: oidcProviderAdapter(connection) })`.
 *
 * **One use.** `consume` is one script, and at most one caller ever succeeds with a refresh token, authorization code,
 * device code, CIBA request or pre-authorized code; the others are answered `invalid_grant`. A refresh token or code that is
 * presented again before the request that used it has stored the first of what it issues is refused and nothing else
 * happens: that is a client in a hurry. Presented after that it is reuse, and oidc-provider revokes the grant (RFC 9700
 * section 4.14.2, RFC 6749 section 4.1.2). An assertion or DPoP proof is accepted once, too, by however many requests it is
 * presented at once.
 *
 * **Grants.** A token is live only while its grant knows it: each record holds the generation of its grant, and to
 * revoke is to begin the next one, in one write that ends any number of tokens. What an ended grant's requests write late is
 * not stored; where only an access token was revoked, and the grant is kept, it is new and counts (RFC 7009 section
 * 2.1 leaves that open). A lost or evicted grant takes its tokens along and gives none back. The `Grant` model should
 * therefore be stored here if tokens are.
 *
 * **Endings are final.** What was destroyed cannot be stored again for ten minutes, so that a request in flight does not
 * bring back a session that was logged out; what was consumed stays so. Everything has the time to live that oidc-provider
 * gives it; only what it gives none (clients, and initial or registration access tokens by default) stays until destroyed.
 *
 * **Secrets.** Ids reach Redis as SHA-256, payloads as AES-256-GCM under a key that is derived from the id, which is why
 * none has to be configured: whoever reads Redis without holding the token learns nothing.
 *
 * **Redis down.** Each method settles within `commandTimeout` and rejects with StoreUnavailableError, or StoreFullError;
 * clients are answered `server_error`, never `invalid_grant`, and the error is in the Provider's `server_error` event. A
 * refresh that fails after its token was used cannot be taken up again: its retry is `invalid_grant`, or reuse.
 *
 * Round trips: 1, and 1 more each to find what belongs to a grant or by uid or user code, and to store such; 3 to consume
 * what belongs to a grant.
 *
 * @param connection of the module, as in `inject: [RedisAuthConnection]`
 * @throws RedisAuthConfigError that lists every mistake in the options
 * @example
 * { provide: Provider, inject: [RedisAuthConnection],
 *   useFactory: (connection) => new Provider(issuer, { adapter: oidcProviderAdapter(connection, { secret }), ...rest }) }
 */
export function oidcProviderAdapter(connection: RedisAuthConnection, options?: OidcProviderAdapterOptions): AdapterFactory;
/** The same with a connection of its own, to whatever the module's `redis` option takes, or over a client of ioredis. */
export function oidcProviderAdapter(options: StandaloneOidcProviderAdapterOptions): StandaloneOidcProviderAdapter;
export function oidcProviderAdapter(
  first: RedisAuthConnection | StandaloneOidcProviderAdapterOptions,
  second: OidcProviderAdapterOptions = {},
): AdapterFactory | StandaloneOidcProviderAdapter {
  if (first instanceof RedisAuthConnection) return adapterOver(first, resolve(second));
  const resolved = resolve(first);
  const connection = new RedisAuthConnection(resolved.redis, { commandTimeoutMs: resolved.commandTimeoutMs });
  return Object.assign(adapterOver(connection, resolved), { close: () => connection.close() });
}

function adapterOver(connection: RedisAuthConnection, { keyPrefix, secret, previous }: ReturnType<typeof resolve>): AdapterFactory {
  const places = new RecordPlaces(keyPrefix, secret === undefined ? previous : [secret, ...previous]);
  // An arrow function: what can be constructed, oidc-provider constructs.
  return (model) => new ModelAdapter(model, connection, places);
}

function resolve(options: StandaloneOidcProviderAdapterOptions) {
  return resolveStandalone(options, ['previousSecrets'], ({ previousSecrets = [] }, issues) => {
    const previous: KeyObject[] = [];
    if (!Array.isArray(previousSecrets)) issues.add('previousSecrets', 'must be a list of secrets');
    else {
      previousSecrets.forEach((input: unknown, n) => {
        const { key, problem } = readSecret(input);
        if (key === undefined) issues.add(`previousSecrets[${n}]`, problem);
        else previous.push(key);
      });
    }
    return { previous };
  });
}
