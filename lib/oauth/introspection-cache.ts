import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { assertText, isObject, randomText, toJson } from '../data/index.js';
import { type Observer, Traced } from '../diagnostics/index.js';
import { InvalidArgumentError, StoreFullError, StoreUnavailableError } from '../errors/index.js';
import { type IntrospectionCacheOptions, type IntrospectionCacheParts, introspectionCacheParts } from './introspection-cache-options.js';
import { EVICT, KEEP } from './introspection-cache.lua.js';

/** What the server that issued a token says of it (RFC 7662, section 2.2). */
export interface IntrospectionResult {
  active: boolean;
  /** Seconds since 1970. */
  exp?: number;
  [member: string]: unknown;
}

/** A result that is being asked for. */
interface Flight {
  readonly answer: Promise<string>;
  readonly startedAt: number;
}

const MAX_TOKEN_BYTES = 8192;
const MAX_RESULT_BYTES = 16_384;
const SHORTEST_MARKER_MS = 60_000;

/**
 * Remembers what other servers say of tokens that they issued, so that not each request has to ask them.
 *
 * | key                        | holds                                                                       |
 * |----------------------------|-----------------------------------------------------------------------------|
 * | `<prefix>v:{<hash>}`       | the result as JSON, for at most `maxTtl` and never beyond its `exp`         |
 * | `<prefix>v:{<hash>}x`      | marker of the last eviction, for `maxTtl`, at least a minute                |
 *
 * The hash is SHA-256 of the token, which itself reaches Redis nowhere. Redis is the only tier: what {@link evict} takes
 * away is gone for every instance at once.
 *
 * Provided by RedisAuthOAuthModule, and usable by hand: `new IntrospectionCache({ redis: 'redis://localhost:6379' })`.
 */
@Injectable()
@Traced<IntrospectionCache>('introspectionCache', ['introspect', 'evict'])
export class IntrospectionCache {
  private readonly parts: IntrospectionCacheParts;
  private readonly flights = new Map<string, Flight>();

  /** @throws RedisAuthConfigError that lists every mistake in the options */
  constructor(options?: IntrospectionCacheOptions);
  /** @internal */
  constructor(parts: IntrospectionCacheParts);
  constructor(options: IntrospectionCacheOptions | IntrospectionCacheParts = {}) {
    this.parts = introspectionCacheParts(options);
  }

  /** @internal */
  get observer(): Observer {
    return this.parts.connection.observer;
  }

  /**
   * The result that is kept, or what `ask` says, which is then kept: for `maxTtl` at most, never beyond its `exp` by the
   * clock of the Redis server, for `inactiveTtl` if the token is not active; not at all if it is larger than 16 kB, if
   * its `exp` is no number, if the token was evicted since, or if the answer took longer than half of what a marker lives.
   *
   * One round trip (MGET); where nothing is kept, `ask` and one script, for which nobody waits. Callers of one process
   * that miss at once ask once, and each gets a copy. What `ask` rejects with reaches all of them and is not
   * kept. While Redis cannot be asked, the origin is asked (after at most `commandTimeout`) and nothing is kept.
   *
   * @throws InvalidArgumentError for a token that is no text of 1 to 8192 bytes; for an answer without `active`, true or false
   */
  async introspect<Result extends { active: boolean } = IntrospectionResult>(
    token: string,
    ask: (token: string) => Result | Promise<Result>,
  ): Promise<Result> {
    assertText('token', token, MAX_TOKEN_BYTES);
    if (typeof ask !== 'function') throw new InvalidArgumentError('ask', 'must be a function');
    const keys = this.keysOf(token);
    const startedAt = performance.now();
    const found = await this.look(keys);
    const json = found?.result ?? (await this.fly(keys, found?.marker, startedAt, () => ask(token)).answer);
    return JSON.parse(json) as Result;
  }

  /**
   * Forgets what is known of a token, on every instance at once: whoever looks from now on asks anew, and a result that
   * was being asked for before is not kept. To be called where the token is revoked, after that. One round trip, one script.
   *
   * @throws InvalidArgumentError for a token that is no text of 1 to 8192 bytes
   * @throws StoreUnavailableError where it could not be stored: what is kept may be served for up to `maxTtl`; repeat it
   */
  async evict(token: string): Promise<void> {
    assertText('token', token, MAX_TOKEN_BYTES);
    const keys = this.keysOf(token);
    const marker = randomText(16);
    await this.parts.connection.execute('introspectionCache.evict', (client, again) =>
      EVICT.run(client, keys, [marker, this.markerMs], again),
    );
  }

  /** Closes the connection that this cache made for itself; one that it was given stays open. */
  async close(): Promise<void> {
    await this.parts.close?.();
  }

  /** Longer than any result may be under way or kept. */
  private get markerMs(): number {
    return Math.max(this.parts.maxTtlMs, SHORTEST_MARKER_MS);
  }

  /** By then the marker of an eviction since its start is still there, and after it nobody relies on the answer. */
  private get longestFlightMs(): number {
    return this.markerMs / 2;
  }

  private keysOf(token: string): [result: string, marker: string] {
    const result = `${this.parts.keyPrefix}v:{${hash('sha256', token, 'base64url')}}`;
    return [result, `${result}x`];
  }

  /** What is kept, and the marker, `''` for none; undefined where Redis cannot be asked. */
  private async look(keys: [string, string]): Promise<{ result: string | null; marker: string } | undefined> {
    try {
      const [result, marker] = await this.parts.connection.execute('introspectionCache.introspect', (client) => client.mget(...keys));
      return { result: result ?? null, marker: marker ?? '' };
    } catch (error) {
      if (error instanceof StoreUnavailableError || error instanceof StoreFullError) return undefined;
      throw error;
    }
  }

  /** Only those share an answer who saw the same eviction last: nobody gets one that was asked for before an eviction they know of. */
  private fly(keys: [string, string], marker: string | undefined, startedAt: number, ask: () => unknown): Flight {
    const name = `${keys[0]} ${marker ?? '?'}`;
    const underWay = this.flights.get(name);
    if (underWay !== undefined && startedAt - underWay.startedAt < this.longestFlightMs) return underWay;
    const flight = { startedAt, answer: (async () => resultOf(await ask()))() };
    this.flights.set(name, flight);
    void this.land(flight, keys, marker).finally(() => {
      if (this.flights.get(name) === flight) this.flights.delete(name);
    });
    return flight;
  }

  /** Keeps the answer, if it can; whoever waits for it does not wait for this. */
  private async land({ answer, startedAt }: Flight, keys: [string, string], marker: string | undefined): Promise<void> {
    try {
      const json = await answer;
      const limits = this.limitsOf(json);
      if (marker === undefined || limits === undefined || performance.now() - startedAt >= this.longestFlightMs) return;
      await this.parts.connection.execute('introspectionCache.introspect', (client, again) =>
        KEEP.run(client, keys, [marker, ...limits, json], again),
      );
    } catch {
      // the callers have the answer, or the error; what could not be kept is asked for again
    }
  }

  /** Most milliseconds to keep it, and when the token expires; undefined where it is not to be kept. */
  private limitsOf(json: string): [ttlMs: number, expiresMs: number | '', active: '1' | ''] | undefined {
    const { active, exp } = JSON.parse(json) as { active: boolean; exp?: unknown };
    const ttlMs = active ? this.parts.maxTtlMs : Math.min(this.parts.inactiveTtlMs, this.parts.maxTtlMs);
    if (ttlMs < 1 || Buffer.byteLength(json) > MAX_RESULT_BYTES) return undefined;
    if (!active) return [ttlMs, '', ''];
    if (exp === undefined) return [ttlMs, '', '1'];
    return typeof exp === 'number' ? [ttlMs, exp * 1000, '1'] : undefined;
  }
}

function resultOf(answer: unknown): string {
  if (!isObject(answer) || typeof (answer as { active?: unknown }).active !== 'boolean') {
    throw new InvalidArgumentError('ask', 'must answer with an object that has active, true or false');
  }
  return toJson('ask', answer);
}
