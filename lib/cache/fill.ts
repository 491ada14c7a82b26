import { LoaderTimeoutError } from '../errors/index.js';
import type { LoaderContext } from './cache-types.js';
import { hasJustFailed } from './entry.js';
import type { Look } from './entry-store.js';
import type { Flights, Target } from './flights.js';
import { loadingBy } from './loading.js';
import { decode, decompressed, isCompressed } from './value-codec.js';

/** A longer one would be over at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A call that found nothing fresh. */
export interface Miss<T> {
  readonly key: string;
  /** By `performance.now()`. */
  readonly calledAt: number;
  /** Undefined where Redis could not be asked. */
  readonly look: Look | undefined;
  readonly loader: (context: LoaderContext<T>) => Promise<T>;
}

/** Has the value loaded, by us or by whoever is at it, and waits for as long as the caller wants to. */
export async function fill<T>(flights: Flights, target: Target, { key, calledAt, look, loader }: Miss<T>): Promise<T> {
  const { options } = target;
  const stale = await staleValue(look, options.graceMs);
  if (stale !== undefined && hasJustFailed(look!)) return decode(stale) as T;

  const loading = loadingBy<T>(key, loader, options, () => (stale === undefined ? undefined : (decode(stale) as T)));
  const value = flights.fly(target, calledAt, look, loading);
  if (stale === undefined) {
    const own = value.then((text) => text ?? flights.loadAlone(loading));
    if (options.hardMs === undefined) return decode(await own) as T;
    const loaded = await withinTime(own, options.hardMs);
    if (loaded === undefined) throw new LoaderTimeoutError(options.hardMs);
    return decode(loaded) as T;
  }
  const loaded = await withinTime(value, Math.min(options.softMs, options.hardMs ?? Infinity)).catch(() => undefined);
  return decode(loaded ?? stale) as T;
}

/** What has expired, but not longer ago than the caller puts up with; undefined also where it cannot be read. */
async function staleValue(look: Look | undefined, graceMs: number): Promise<string | undefined> {
  if (look?.value === undefined || graceMs === 0 || -look.freshLeftMs >= graceMs) return undefined;
  try {
    const text = isCompressed(look.value) ? await decompressed(look.value) : look.value;
    decode(text);
    return text;
  } catch {
    return undefined;
  }
}

/** Undefined when the time is over; a rejection that comes later is nobody's. */
async function withinTime<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS), undefined)));
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
