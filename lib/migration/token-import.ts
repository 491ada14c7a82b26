import { InvalidArgumentError } from '../errors/index.js';
import { msOfTime, type RedisClient } from '../redis/index.js';
import { CustomTokens, TokenKeys, type TokenStoreParts } from '../tokens/index.js';
import type { ImportRecord, OAuthRecord } from './import-record.js';
import { ImportTally, type ImportSummary, type SkipNotice } from './import-tally.js';
import { IMPORT } from './import.lua.js';
import { inBatches } from './in-batches.js';
import { importOAuth, type OAuthTarget } from './oauth-import.js';
import { importArguments, type PreparedToken, slicesOf, TokenPreparation } from './token-preparation.js';

/** How an import is done. */
export interface ImportOptions {
  /**
   * Checks and counts all of it and writes nothing; what is there already is looked up, but not whether it is in the way
   * (`token-taken`, and `wrong-id` for an id of another type).
   * @default false
   */
  dryRun?: boolean;
  /** Ends the import: what is under way is finished, then it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Told after each batch. */
  onProgress?: (summary: ImportSummary) => void;
  /** Told of each record that is left out. */
  onSkip?: (notice: SkipNotice) => void;
  /** Takes the records of OAuth, as OAuthTokenStore does. Without it they are left out. */
  oauth?: OAuthTarget;
}

const OPERATION = 'tokens.import';
const BATCH = { size: 250, inFlight: 4 };
/** A script of so many takes Redis about a millisecond. */
const MOST_AT_ONCE = 100;

/** Where one record of a batch came from, with what is to be stored of it. */
type Wanted = PreparedToken & Pick<ImportRecord, 'line'>;

/** One run of an import. */
export class TokenImport {
  private readonly keys: TokenKeys;
  private readonly custom: CustomTokens;
  private readonly preparation: TokenPreparation;
  private readonly tally: ImportTally;

  constructor(
    private readonly parts: TokenStoreParts,
    private readonly options: ImportOptions,
  ) {
    this.keys = new TokenKeys(parts.keyPrefix);
    this.custom = new CustomTokens(this.keys);
    this.preparation = new TokenPreparation(this.keys, parts);
    this.tally = new ImportTally(options.onProgress, options.onSkip);
  }

  async run(records: AsyncIterable<ImportRecord> | Iterable<ImportRecord>): Promise<ImportSummary> {
    await inBatches(records, BATCH, (batch) => this.batch(batch), this.options.signal);
    return this.tally.summary();
  }

  private async batch(records: readonly ImportRecord[]): Promise<void> {
    this.tally.read(records.length);
    const tokens: Wanted[] = [];
    const ofOAuth: (OAuthRecord & Pick<ImportRecord, 'line'>)[] = [];
    for (const record of records) {
      switch (record?.kind) {
        case 'token':
        case 'foreign-token': {
          const token = record.kind === 'token' ? record : this.preparation.hashed(record);
          const prepared = typeof token === 'string' ? token : this.preparation.prepare(token);
          if (typeof prepared === 'string') this.tally.skip(prepared, record);
          else tokens.push(record.line === undefined ? prepared : { ...prepared, line: record.line });
          break;
        }
        case 'oauth-client':
        case 'oauth-pkce':
        case 'oauth-token':
          if (this.options.oauth === undefined) this.tally.skip('no-oauth-store', record);
          else ofOAuth.push(record);
          break;
        case 'skipped':
          this.tally.skip(record.reason, record);
          break;
        default:
          this.tally.skip('malformed', record ?? {});
      }
    }
    await this.toTokens(tokens);
    await this.toOAuth(ofOAuth);
    this.tally.tell();
  }

  private async toTokens(tokens: readonly Wanted[]): Promise<void> {
    if (tokens.length === 0) return;
    if (this.options.dryRun === true) return this.lookUp(tokens);
    const slices = slicesOf(tokens, MOST_AT_ONCE);
    const replies = await this.parts.connection.execute(OPERATION, (client, again) =>
      Promise.all(slices.map((slice) => IMPORT.run(client, [slice[0]!.index], importArguments(slice), again))),
    );
    const custom: { token: Wanted; outcome: 'imported' | 'present'; ttl: number | '' }[] = [];
    const outcomes = replies.flat();
    for (const [n, token] of slices.flat().entries()) {
      const [outcome, left = ''] = outcomes[n]!.split(' ') as ['expired' | 'taken' | 'imported' | 'present', string?];
      if (outcome === 'expired') this.tally.skip('expired', token);
      else if (outcome === 'taken') this.tally.skip('wrong-id', token);
      else if (token.pointer === '') this.tally.count(outcome);
      else custom.push({ token, outcome, ttl: left === '' ? '' : Math.max(1, Number(left)) });
    }
    if (custom.length === 0) return;
    const claims = await this.parts.connection.execute(OPERATION, (_client, again) =>
      Promise.all(custom.map(({ token, ttl }) => this.custom.claim(OPERATION, again, token.names, token.pointer, token.id, ttl))),
    );
    for (const [n, { token, outcome }] of custom.entries()) {
      if (claims[n] === true) this.tally.count(outcome);
      else this.tally.skip('token-taken', token);
    }
  }

  private async lookUp(tokens: readonly Wanted[]): Promise<void> {
    const { now, found } = await this.parts.connection.execute(OPERATION, async (client) => {
      const [now, ...found] = await Promise.all([timeOf(client), ...tokens.map(({ id }) => client.exists(this.keys.record(id)))]);
      return { now, found };
    });
    for (const [n, token] of tokens.entries()) {
      if (token.expires !== 0 && token.expires <= now) this.tally.skip('expired', token);
      else this.tally.count(Number(found[n]) === 1 ? 'present' : 'imported');
    }
  }

  private async toOAuth(records: readonly (OAuthRecord & Pick<ImportRecord, 'line'>)[]): Promise<void> {
    const { oauth, dryRun = false } = this.options;
    if (oauth === undefined || records.length === 0) return;
    const now = await this.parts.connection.execute(OPERATION, timeOf);
    await Promise.all(
      records.map(async (record) => {
        const outcome = await saved(oauth, record, { now, dryRun });
        if (outcome === 'imported' || outcome === 'present') this.tally.count(outcome);
        else this.tally.skip(outcome, record);
      }),
    );
  }
}

async function saved(oauth: OAuthTarget, record: OAuthRecord, how: { now: number; dryRun: boolean }) {
  try {
    return await importOAuth(oauth, record, how);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return 'malformed';
    throw error;
  }
}

async function timeOf(client: RedisClient): Promise<number> {
  return msOfTime(await client.time());
}
