import { randomText } from '../data/index.js';
import type { FillOptions } from './cache-arguments.js';
import type { CacheKeys } from './cache-keys.js';
import { hasJustFailed, LEASE_MS } from './entry.js';
import type { EntryStore, Look } from './entry-store.js';
import type { InvalidationFeed } from './invalidation-feed.js';
import type { Loading } from './loading.js';
import { compressed, decompressed, encode, isCompressed } from './value-codec.js';

const TOKEN_BYTES = 16;
/** A loader that takes longer has to share: others may begin, and what it brings is no longer kept. */
const LONGEST_LEAD_MS = 60_000;

/** One entry that is to be filled. */
export interface Target {
  readonly keys: CacheKeys;
  readonly entry: string;
  readonly options: FillOptions;
}

/** A value that is being waited for, as it is encoded. */
interface Flight {
  readonly startedAt: number;
  /** Of the lease it loads under or waits for; undefined without Redis. */
  token: string | undefined;
  /** Versions it loads under, once it does. */
  versions: string | undefined;
  readonly value: Promise<string | undefined>;
}

/**
 * One load at a time for an entry: callers of a process share a flight, and of the flights of all processes one is
 * elected in Redis to load. The others are woken by its writing the entry, or by the end of its lease, which it renews
 * for as long as it loads.
 *
 * The lease lies in the entry itself: any write or deletion ends it, and with it the right to fill what has been
 * invalidated since the load began. Tags and namespaces do the same by their versions, which are read before the load.
 */
export class Flights {
  private readonly flights = new Map<string, Flight>();

  constructor(
    private readonly store: EntryStore,
    private readonly feed: InvalidationFeed,
    private readonly compressAbove: number,
  ) {}

  /**
   * The value as it is encoded, not compressed; undefined where another process has just failed to load it, which leaves
   * what has expired. `look` is what the caller saw after it began at `calledAt`, undefined where Redis could not be asked.
   *
   * @throws what the loader throws
   */
  fly(target: Target, calledAt: number, look: Look | undefined, loading: Loading): Promise<string | undefined> {
    const { entry } = target;
    const underWay = this.flights.get(entry);
    if (underWay !== undefined && mayJoin(underWay, calledAt, look)) return underWay.value;
    const flight: { -readonly [K in keyof Flight]?: Flight[K] } & Pick<Flight, 'startedAt'> = {
      startedAt: performance.now(),
      token: look === undefined ? undefined : randomText(TOKEN_BYTES),
      versions: undefined,
    };
    const value = look === undefined ? this.loadAlone(loading) : this.run(flight as Flight, target, look, loading);
    flight.value = value;
    this.flights.set(entry, flight as Flight);
    const land = (): void => {
      if (this.flights.get(entry) === flight) this.flights.delete(entry);
    };
    value.then(land, land);
    return value;
  }

  /** Whoever calls from now on does not share what is being loaded. */
  forget(entry: string): void {
    this.flights.delete(entry);
  }

  forgetAll(): void {
    this.flights.clear();
  }

  /** For who can neither wait nor make do with what has expired. */
  async loadAlone(loading: Loading): Promise<string> {
    return (await this.load(loading)).text;
  }

  private async run(flight: Flight, target: Target, first: Look, loading: Loading): Promise<string | undefined> {
    const { keys, entry, options } = target;
    const token = flight.token!;
    const keepMs = options.ttlMs + options.graceMs;
    let look: Look | undefined = first;
    for (;;) {
      const wake = this.feed.wakeOn(entry);
      const election = await this.store.elect(keys, entry, options.tags, { seen: look.token, token, keepMs });
      if (election?.versions !== undefined) {
        wake.cancel();
        flight.token = token;
        flight.versions = election.versions;
        return this.lead(target, token, election.versions, loading);
      }
      if (election !== undefined && election.leaseLeftMs > 0) {
        flight.token = election.token;
        flight.versions = undefined;
        await wake.within(election.leaseLeftMs + 1);
      } else {
        wake.cancel();
      }
      look = election === undefined ? undefined : await this.store.look(keys, entry, options.tags);
      if (look === undefined) return this.loadAlone(loading);
      if (look.value !== undefined && look.freshLeftMs > 0) return isCompressed(look.value) ? decompressed(look.value) : look.value;
      if (look.value !== undefined && -look.freshLeftMs < options.graceMs && hasJustFailed(look)) return undefined;
    }
  }

  private async lead({ entry, options }: Target, token: string, versions: string, loading: Loading): Promise<string> {
    const startedAt = performance.now();
    const renewal = setInterval(() => {
      if (performance.now() - startedAt > LONGEST_LEAD_MS) clearInterval(renewal);
      else void this.store.renew(entry, token);
    }, LEASE_MS / 3).unref();
    try {
      const { text, freshMs } = await this.load(loading);
      if (freshMs === undefined) {
        await this.store.release(entry, token, false);
        return text;
      }
      const value = await compressed(text, this.compressAbove);
      const fill = { value, freshMs, keptMs: freshMs + options.graceMs, versions, tags: options.tags };
      if (!(await this.store.fill(entry, token, fill))) await this.store.release(entry, token, false);
      return text;
    } catch (error) {
      await this.store.release(entry, token, true);
      throw error;
    } finally {
      clearInterval(renewal);
    }
  }

  private async load(loading: Loading): Promise<{ text: string; freshMs: number | undefined }> {
    const { value, freshMs } = await loading();
    return { text: encode(value), freshMs };
  }
}

/**
 * Nobody gets what was loaded before an invalidation that they can know of: a flight that began after the call cannot
 * have; an earlier one has not if the caller saw its lease stand, under the same versions.
 */
function mayJoin(flight: Flight, calledAt: number, look: Look | undefined): boolean {
  if (flight.startedAt >= calledAt) return true;
  if (look === undefined || flight.token === undefined) return look === undefined && flight.token === undefined;
  if (look.token !== flight.token || look.leaseLeftMs <= 0) return false;
  return flight.versions === undefined || flight.versions === look.versions;
}
