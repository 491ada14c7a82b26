import { Injectable } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Observer, Traced } from '../diagnostics/index.js';
import type { Duration } from '../options/index.js';
import type { RedisClient } from '../redis/index.js';
import { CustomTokens } from './custom-tokens.js';
import type { CodeVerification } from './code-verification.js';
import { type CodeAttempt, type IssuedCode, type NewCode, OneTimeCodes } from './one-time-codes.js';
import { OPERATIONS } from './operations.js';
import { OwnerTokens } from './owner-tokens.js';
import { type Act, RecordsOfTokens } from './records-of-tokens.js';
import { RequestSecrets } from './request-secrets.js';
import {
  checkId,
  checkNewToken,
  checkOwner,
  checkOwnerOfAny,
  checkPage,
  checkRequestId,
  checkScope,
  checkToken,
  checkTtl,
} from './token-arguments.js';
import { TokenCreation } from './token-creation.js';
import { TokenKind, type TokenKindDefinition } from './token-kind.js';
import { type Accept, NotAccepted, TokenUpdate } from './token-update.js';
import { isGenerated, scopeOf, tagOf, TokenKeys } from './token-keys.js';
import { readRecord, tokenOf } from './token-record.js';
import { tokenStoreParts, type TokenStoreOptions, type TokenStoreParts } from './token-store-options.js';
import type { NewToken, StoredToken, StoredTokenInfo, TokenOwner, TokenPage, TokenReference, TokenScope } from './token-types.js';
import { CONSUME, DELETE, GET, REFRESH } from './token.lua.js';

const REPEAT_WINDOW_MS = 60_000;

/**
 * Opaque tokens: API keys, password resets, invitations, e-mail verification, tokens of machines.
 *
 * Only a token's SHA-256 reaches Redis. Each method, `list` and `deleteAll` of many aside, is one Lua script and one
 * round trip, atomic, on the server's clock; a custom `token` costs a second one, to find its owner. Every method rejects
 * with InvalidArgumentError before any command if an argument is not what it must be, with StoreUnavailableError (within
 * `commandTimeout`) if Redis cannot be asked; to repeat it is always safe. What is not there is null or false, no error.
 *
 * Provided by the module, and usable by hand: `new TokenStore({ redis: 'redis://localhost:6379' })`.
 */
@Injectable()
@Traced<TokenStore>('tokens', OPERATIONS)
export class TokenStore {
  private readonly parts: TokenStoreParts;
  private readonly keys: TokenKeys;
  private readonly custom: CustomTokens;
  private readonly records: RecordsOfTokens;
  private readonly creation: TokenCreation;
  private readonly owners: OwnerTokens;
  private readonly codes: OneTimeCodes;

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options: TokenStoreOptions);
  /** @internal */
  constructor(parts: TokenStoreParts);
  constructor(options: TokenStoreOptions | TokenStoreParts = {}) {
    this.parts = tokenStoreParts(options);
    const { connection, keyPrefix, keys, tokens } = this.parts;
    this.keys = new TokenKeys(keyPrefix);
    this.custom = new CustomTokens(this.keys);
    this.records = new RecordsOfTokens(connection, this.custom);
    this.creation = new TokenCreation(connection, this.keys, new RequestSecrets(keys), this.custom);
    this.owners = new OwnerTokens(connection, this.keys, this.custom);
    this.codes = new OneTimeCodes(connection, this.keys, keys, tokens.maxDataBytes);
  }

  /** @internal */
  get observer(): Observer {
    return this.parts.connection.observer;
  }

  /** The ioredis client, for commands of your own; see {@link RedisAuthConnection.client}. */
  get client(): RedisClient {
    return this.parts.connection.client;
  }

  /**
   * Stores a token. A generated one has 256 bits of the CSPRNG and is safe in a URL; it is shown here and never again.
   * With a `requestId` a repeat within 60 s gets the same token, which is then derived rather than stored.
   *
   * @throws TokenExistsError if the given `token` is in use within its app and type; nothing is stored
   * @throws InvalidArgumentError for a `token` in the form of a generated one, and for a `requestId` in a store that has
   * no key to derive from
   * @throws StoreFullError when Redis is out of memory; nothing is half-written
   */
  async create<Data extends object = Record<string, unknown>>(init: NewToken & { data?: Data }): Promise<StoredToken<Data>> {
    const { defaultTtlMs, maxDataBytes } = this.parts.tokens;
    return as<StoredToken<Data>>(await this.creation.create(checkNewToken(init, defaultTtlMs, maxDataBytes)));
  }

  /** The token, with its owner; null if it is unknown, expired or deleted, or of another app or type. */
  async get<Data extends object = Record<string, unknown>>(reference: TokenReference): Promise<StoredToken<Data> | null> {
    const scope = checkScope(reference);
    const token = checkToken(reference.token);
    return this.records.act('tokens.get', scope, token, null, async (client, id, again) => {
      const record = await GET.run(client, [this.keys.record(id)], [scopeOf(scope.names)], again);
      return record === null ? null : as<StoredToken<Data>>(tokenOf(record, token, id, scope));
    });
  }

  /**
   * Merges data: null deletes a field, undefined is ignored, others are set; its life stays as it is. Updates of
   * different fields at once all land. Null if the token is not live; one that was deleted is never revived.
   *
   * @throws InvalidArgumentError if the data would be larger than `tokens.maxDataBytes` afterwards; nothing is changed
   */
  update<Data extends object = Record<string, unknown>>(reference: TokenReference & { data: object }): Promise<StoredToken<Data> | null>;
  /** @internal */
  update<Data extends object>(reference: TokenReference & { data: object }, accept: Accept): Promise<StoredToken<Data> | null>;
  async update<Data extends object>(reference: TokenReference & { data: object }, accept?: Accept): Promise<StoredToken<Data> | null> {
    const scope = checkScope(reference);
    const token = checkToken(reference.token);
    const update = new TokenUpdate(reference.data, this.parts.tokens.maxDataBytes, accept);
    const updated = await this.records.act<StoredToken | NotAccepted | null>(
      'tokens.update',
      scope,
      token,
      null,
      async (client, id, again) => {
        const record = await update.run(client, again, this.keys.record(id), scopeOf(scope.names));
        return typeof record === 'string' ? tokenOf(record, token, id, scope) : record;
      },
    );
    if (updated instanceof NotAccepted) throw updated.reason;
    return as<StoredToken<Data> | null>(updated);
  }

  /** Gives the token a new life of `ttl` from now, or `'never'` an end; false if it is not live. */
  async refresh(reference: TokenReference & { ttl: Duration }): Promise<boolean> {
    const scope = checkScope(reference);
    const token = checkToken(reference.token);
    const ttl = checkTtl(reference.ttl);
    const refresh: Act<boolean> = async (client, id, again) =>
      Number(await REFRESH.run(client, [this.keys.record(id)], [scopeOf(scope.names), ttl], again)) === 1;
    if (isGenerated(token)) return this.records.act('tokens.refresh', scope, token, false, refresh);
    return this.parts.connection.execute('tokens.refresh', (_client, again) =>
      this.custom.prolong(again, scope, token, ttl, (id) => refresh(again(), id, again)),
    );
  }

  /**
   * Ends one token, by itself (as a StoredToken does) or by its public id; false if it was not live. An id says nothing of
   * whose it is: give the `owner` too where it comes from a client, and another's token is as unknown as one that never was.
   */
  async delete(reference: TokenScope & ({ token: string } | { id: string }) & { owner?: string }): Promise<boolean> {
    const scope = checkScope(reference);
    const { token, id, owner } = reference as { token?: unknown; id?: unknown; owner?: string };
    const args = [scopeOf(scope.names), ...(owner === undefined ? [] : [checkOwner({ ...scope, owner }).ownerName])];
    const end: Act<boolean> = async (client, ofRecord, again) => {
      const record = await DELETE.run(client, [this.keys.record(ofRecord)], args, again);
      if (record !== null) await this.custom.forget(again, readRecord(record).pointer, ofRecord);
      return record !== null;
    };
    if (token !== undefined || id === undefined) return this.records.act('tokens.delete', scope, checkToken(token), false, end);
    const checked = checkId(id);
    return checked === undefined ? false : this.parts.connection.execute('tokens.delete', (client, again) => end(client, checked, again));
  }

  /**
   * Ends every token of an owner, of one type or of every type, at once; how many were live. The first script ends
   * them all, however many there are, of up to 100 types, and each further one those of 100 more; their records are then
   * cleared away 500 at a time, so that Redis is never kept long, and what is left after half of `commandTimeout` in the
   * background. Broken off before all have ended, it is a StoreUnavailableError that says `ambiguous`: repeat it.
   */
  async deleteAll(of: Omit<TokenOwner, 'type'> & { type?: string }): Promise<number> {
    return this.owners.deleteAll(checkOwnerOfAny(of), this.parts.connection.commandTimeoutMs / 2);
  }

  /**
   * Takes a one-time token: of any number of callers at most one ever gets it. With a `requestId` the one who did can
   * ask again for 60 s, so that a lost reply does not lose the token; others get null.
   */
  async consume<Data extends object = Record<string, unknown>>(
    reference: TokenReference & { requestId?: string },
  ): Promise<StoredToken<Data> | null> {
    const scope = checkScope(reference);
    const token = checkToken(reference.token);
    const requestId = checkRequestId(reference.requestId);
    return this.records.act('tokens.consume', scope, token, null, async (client, id, again) => {
      const keys = [this.keys.record(id)];
      if (requestId !== undefined) keys.push(this.keys.request(tagOf(id), 'tokens.consume', id, requestId));
      const record = await CONSUME.run(client, keys, [scopeOf(scope.names)], again);
      if (record === null) return null;
      await this.custom.forget(again, readRecord(record).pointer, id, requestId === undefined ? 0 : REPEAT_WINDOW_MS);
      return as<StoredToken<Data>>(tokenOf(record, token, id, scope));
    });
  }

  /**
   * The live tokens of an owner, the soonest expiry first, by public id. Several thousand are better asked for in pages:
   * `limit`, and `after` the last one of the page before; one whose life changes meanwhile may be missed or come twice.
   */
  async list<Data extends object = Record<string, unknown>>(of: TokenOwner & TokenPage): Promise<StoredTokenInfo<Data>[]> {
    const owner = checkOwner(of);
    return as<StoredTokenInfo<Data>[]>(await this.owners.list(owner, checkPage(of)));
  }

  /** How many live tokens of a type an owner has; costs the same however many there are. */
  async count(of: TokenOwner): Promise<number> {
    return this.owners.count(checkOwner(of));
  }

  /**
   * The tokens of one purpose by themselves, with typed data that a Standard Schema checks whenever it is written.
   *
   * @throws InvalidArgumentError at once for a `type`, `app` or `ttl` that cannot be
   */
  kind<Schema extends StandardSchemaV1 = StandardSchemaV1<Record<string, unknown>>>(
    definition: TokenKindDefinition<Schema>,
  ): TokenKind<Schema> {
    return new TokenKind(this, definition);
  }

  /**
   * Makes a short code of digits for somebody to type; the one before of this owner and type is void. Its wrong attempts
   * still count, so that asking for new codes gains no guesses. Null while the owner is locked out. Redis holds a MAC of
   * the code; in a store made by hand without a `secret` only its hash, which is soon guessed by who can read Redis.
   *
   * @throws StoreFullError when Redis is out of memory; nothing is changed
   */
  async createCode(init: NewCode): Promise<IssuedCode | null> {
    return this.codes.create(init);
  }

  /**
   * Tries a code; of any number of right attempts at once exactly one is valid. Wrong ones are counted in the same
   * script, and after `maxAttempts` of them everything is refused for one `ttl`. The result tells the application why,
   * and a client only that it was refused. With a `requestId` a repeat of the same code within 60 s gets the first answer.
   */
  async verifyCode<Data extends object = Record<string, unknown>>(attempt: CodeAttempt): Promise<CodeVerification<Data>> {
    return as<CodeVerification<Data>>(await this.codes.verify(attempt));
  }

  /** Closes the connection that this store made for itself; one that it was given stays open. */
  async close(): Promise<void> {
    await this.parts.close?.();
  }
}

/** What is in the data is for the caller to know. */
function as<T>(value: unknown): T {
  return value as T;
}
