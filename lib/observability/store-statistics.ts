import { Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { type Observer, Traced } from '../diagnostics/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { resolveStandalone, type StandaloneOptions } from '../options/index.js';
import { type CallNode, callsOver, callsToMasters, msOfTime, RedisAuthConnection, scanKeys, sharesConnection } from '../redis/index.js';
import { type Estimate, estimated, type Sample, sumOf } from './estimate.js';
import { measure, MEASURES, OUR_KEYS, ownersOf, scopeOfMeasure, tokensOf } from './key-measures.js';
import { RandomWindows } from './random-windows.js';

/** The tokens of one type within one app. */
export interface TokenTypeStatistics {
  app: string;
  type: string;
  tokens: Estimate;
  /** Who have any. */
  owners: Estimate;
}

/** What one registration keeps in Redis. */
export interface Statistics {
  /** Whether every key was looked at. */
  exact: boolean;
  /** Keys of this registration, tombstones and everything else included. */
  keys: Estimate;
  /** Memory of those keys, as MEMORY USAGE has it. An estimate misses a single huge key that the sample did not meet. */
  bytes: Estimate;
  /** Live sessions; those of a tenant that was revoked count until they would have expired. */
  sessions: Estimate;
  /** Who have any, each tenant's counted by themselves. */
  users: Estimate;
  /** Live tokens; in an estimate also those ended by deleteAll a moment ago. */
  tokens: Estimate;
  /** Who have any, each app's counted by themselves. */
  owners: Estimate;
  /**
   * By app and type, the most first. In an estimate a type so rare that the sample did not meet it is not there, and what
   * few owners have most of is told with a large error or, where the sample met none of them, too low.
   */
  tokenTypes: TokenTypeStatistics[];
}

export interface StatisticsOptions {
  /**
   * How many keys of the database to look at, other people's included. One with no more is counted in full; `Infinity`
   * counts every one in full.
   * @default 10000
   */
  sample?: number;
  /** Ends the count between two steps; it then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** What StoreStatistics works with. */
export interface StoreStatisticsParts {
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
}

const OPERATION = 'statistics';
const DEFAULT_SAMPLE = 10_000;
const WINDOW = 100;
/** Fewer say too little of how they differ. */
const FEWEST_WINDOWS = 20;

/**
 * How much there is in Redis: memory, sessions, tokens by type. Counted in full by SCAN or estimated from a sample, and the
 * answer says which; Redis is never kept for more than a fraction of a millisecond at a time.
 *
 * Provided by the module, and usable by hand: `new StoreStatistics({ redis: 'redis://localhost:6379' })`.
 */
@Injectable()
@Traced<StoreStatistics>('statistics', ['statistics'])
export class StoreStatistics {
  private readonly connection: RedisAuthConnection;
  private readonly keyPrefix: string;
  private readonly isOurs: boolean;

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options: StandaloneOptions);
  /** @internal */
  constructor(parts: StoreStatisticsParts);
  constructor(options: StandaloneOptions | StoreStatisticsParts = {}) {
    this.isOurs = !sharesConnection(options);
    if (sharesConnection<StoreStatisticsParts>(options)) {
      ({ connection: this.connection, keyPrefix: this.keyPrefix } = options);
    } else {
      const { redis, keyPrefix, commandTimeoutMs } = resolveStandalone(options, [], () => ({}));
      this.connection = new RedisAuthConnection(redis, { commandTimeoutMs });
      this.keyPrefix = keyPrefix;
    }
  }

  /** @internal */
  get observer(): Observer {
    return this.connection.observer;
  }

  /**
   * Counts or estimates. A full count of a large database takes some seconds for each million keys, a sample some ten ms
   * for each 1,000; each step, not the whole, is bounded by `commandTimeout`. What comes and goes meanwhile may be counted or not; on a
   * Cluster every master is asked. Needs SCAN, DBSIZE, TIME, MEMORY USAGE, ZCOUNT and INFO; on a Cluster CLUSTER MYID and SLOTS.
   *
   * @throws StoreUnavailableError, InvalidArgumentError
   */
  async statistics({ sample = DEFAULT_SAMPLE, signal }: StatisticsOptions = {}): Promise<Statistics> {
    if (sample !== Infinity && !(Number.isSafeInteger(sample) && sample >= 1)) {
      throw new InvalidArgumentError('sample', 'must be an integer of at least 1, or Infinity for all');
    }
    const population = await this.connection.dbSize();
    return summary(population <= sample ? [await this.count(signal)] : await this.sampled(sample / population, signal));
  }

  /** Closes the connection that this made for itself; one that it was given stays open. */
  async close(): Promise<void> {
    if (this.isOurs) await this.connection.close();
  }

  private async count(signal: AbortSignal | undefined): Promise<Reckoning> {
    const now = await this.connection.execute(OPERATION, async (client) => msOfTime(await client.time()));
    const sums = new Map<string, number>();
    for await (const { keys, on } of scanKeys(callsOver(this.connection, OPERATION), this.keyPrefix, OUR_KEYS, { signal })) {
      const found = await measure(on, keys, this.keyPrefix, now);
      for (const [name, sum] of found.sums) sums.set(name, (sums.get(name) ?? 0) + sum);
    }
    return { names: new Set(sums.keys()), of: (name) => ({ estimate: sums.get(name) ?? 0, error: 0, exact: true }) };
  }

  private async sampled(share: number, signal: AbortSignal | undefined): Promise<Reckoning[]> {
    const reckonings: Reckoning[] = [];
    for (const on of await callsToMasters(callsOver(this.connection, OPERATION))) {
      reckonings.push(await this.sampleOf(on, share, signal));
    }
    return reckonings;
  }

  private async sampleOf(on: CallNode, share: number, signal: AbortSignal | undefined): Promise<Reckoning> {
    const population = await on(sizeOf);
    const now = await on(async (node) => msOfTime(await node.time()));
    const places = await RandomWindows.of(on);
    const windows: Sample[] = [];
    const most = Math.max(FEWEST_WINDOWS, Math.ceil((population * share) / WINDOW));
    while (windows.length < most) {
      signal?.throwIfAborted();
      windows.push(await measure(on, await places.next(WINDOW), this.keyPrefix, now));
    }
    return { names: new Set(windows.flatMap(({ sums }) => [...sums.keys()])), of: (name) => estimated(name, windows, population) };
  }
}

/** What is known of one server, or of all of them. */
interface Reckoning {
  readonly names: ReadonlySet<string>;
  of(name: string): Estimate;
}

type Seven<T> = [T, T, T, T, T, T, T];

function summary(reckonings: readonly Reckoning[]): Statistics {
  const of = (name: string): Estimate => sumOf(reckonings.map((reckoning) => reckoning.of(name)));
  const [keys, bytes, sessions, users, indexed, owners, records] = MEASURES.map(of) as Seven<Estimate>;
  // One owner's index may name half of all tokens, and be in no sample; records are all alike.
  const tokens = keys.exact ? indexed : records;
  const names = new Set(reckonings.flatMap((reckoning) => [...reckoning.names]));
  const tokenTypes = [...names]
    .map(scopeOfMeasure)
    .filter((scope) => scope !== undefined)
    .map(({ app, type }) => ({
      app: decodeURIComponent(app),
      type: decodeURIComponent(type),
      tokens: of(tokensOf(app, type)),
      owners: of(ownersOf(app, type)),
    }))
    .sort((one, other) => other.tokens.estimate - one.tokens.estimate);
  return { exact: keys.exact, keys, bytes, sessions, users, tokens, owners, tokenTypes };
}

/** The application's own client may be set to give numbers as text. */
async function sizeOf(node: Redis): Promise<number> {
  const size: unknown = await node.dbsize();
  return Number(size);
}
