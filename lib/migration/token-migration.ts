import { Injectable } from '@nestjs/common';
import { type Observer, Traced } from '../diagnostics/index.js';
import type { ScanOptions } from '../redis/index.js';
import { TokenKeys, tokenStoreParts, type TokenStoreOptions, type TokenStoreParts } from '../tokens/index.js';
import type { ImportRecord, TokenRecord } from './import-record.js';
import { skipped } from './import-record.js';
import type { ImportSummary } from './import-tally.js';
import { TokenExport } from './token-export.js';
import { type ImportOptions, TokenImport } from './token-import.js';
import { TokenPreparation } from './token-preparation.js';

/**
 * Takes tokens out of a TokenStore and into one: for a move to another Redis, a backup, and for going over from what stored
 * tokens before.
 *
 * Provided by the module, and usable by hand with the options of a TokenStore.
 */
@Injectable()
@Traced<TokenMigration>('migration', ['importTokens'])
export class TokenMigration {
  private readonly parts: TokenStoreParts;

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options: TokenStoreOptions);
  /** @internal */
  constructor(parts: TokenStoreParts);
  constructor(options: TokenStoreOptions | TokenStoreParts = {}) {
    this.parts = tokenStoreParts(options);
  }

  /** @internal */
  get observer(): Observer {
    return this.parts.connection.observer;
  }

  /**
   * Every live token of this registration, as records that hold no secret; one-time codes are not among them. Of a custom
   * token a record holds the hash, by which one that is easily guessed can be found out: keep the file to yourself.
   *
   * A token that lives all the while is among them, perhaps twice, which an import finds out; one that is made, changed or
   * ended meanwhile may be or not. After a failover or a move of slots begin again.
   *
   * Walks by SCAN over the whole database, 500 places at a time, on each master of a Cluster; takes no more than its
   * reader, and keeps some thousand records in memory.
   *
   * @throws StoreUnavailableError if a step is not answered within `commandTimeout`
   */
  exportTokens(options: ScanOptions = {}): AsyncGenerator<TokenRecord, void> {
    return new TokenExport(this.parts).records(options);
  }

  /**
   * Stores the tokens of records with their owner, their data, and what is left of their lives by the clock of Redis; a
   * token that was known by itself goes on being, whatever stored it before.
   *
   * What is there already stays as it is, changes since included, so that an import may be repeated: after an error, an
   * abort or a crash at any point a second one stores what is missing, and nothing twice. But what was consumed or deleted
   * between the two comes back; import before users do. Takes 250 records at a time, at most 1,000 of them under way, and
   * waits for Redis before it takes more. Each owner's tokens of a batch are stored by one script. In the module it shares
   * its connection with the application, which waits behind it for milliseconds; millions are better brought by the
   * command-line tool.
   *
   * @throws StoreUnavailableError, StoreFullError; what came before stays stored
   */
  importTokens(records: AsyncIterable<ImportRecord> | Iterable<ImportRecord>, options: ImportOptions = {}): Promise<ImportSummary> {
    return new TokenImport(this.parts, options).run(records);
  }

  /**
   * The same records without secrets, for a file: tokens in the clear become hashes, which importTokens takes just as well.
   * Records of OAuth are nothing but secrets and are left out.
   */
  async *withoutSecrets(records: AsyncIterable<ImportRecord> | Iterable<ImportRecord>): AsyncGenerator<ImportRecord, void> {
    const preparation = new TokenPreparation(new TokenKeys(this.parts.keyPrefix), this.parts);
    for await (const record of records) {
      if (record.kind === 'token' || record.kind === 'skipped') yield record;
      else if (record.kind === 'foreign-token') {
        const hashed = preparation.hashed(record);
        yield typeof hashed === 'string' ? skipped(hashed) : hashed;
      } else yield skipped('secret');
    }
  }

  /** Closes the connection that this made for itself; one that it was given stays open. */
  async close(): Promise<void> {
    await this.parts.close?.();
  }
}
