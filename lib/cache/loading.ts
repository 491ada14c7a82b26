import { checkTtl, type FillOptions } from './cache-arguments.js';
import type { LoaderContext } from './cache-types.js';

/** What was loaded, and for how long it is fresh; undefined where it is not to be kept. */
export interface Loaded {
  readonly value: unknown;
  readonly freshMs: number | undefined;
}

/** Runs the loader. */
export type Loading = () => Promise<Loaded>;

/** A loader with the options that decide how long its value is fresh. */
export function loadingBy<T>(
  key: string,
  loader: (context: LoaderContext<T>) => Promise<T>,
  options: FillOptions,
  stale: () => T | undefined,
): Loading {
  return async () => {
    let { ttlMs } = options;
    const value = await loader({
      key,
      get stale() {
        return stale();
      },
      setTtl: (ttl) => {
        ttlMs = checkTtl(ttl);
      },
    });
    const ms = value === null || value === undefined ? options.negativeMs : ttlMs;
    return { value, freshMs: ms === undefined ? undefined : Math.max(1, Math.round(ms * (1 - options.jitter * Math.random()))) };
  };
}
