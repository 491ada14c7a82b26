import { CacheAdapter } from '../../../lib/cache/index.js';

/** Closed at the end of an `await using` block. */
export class CacheUnderTest extends CacheAdapter implements AsyncDisposable {
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A loader that counts how often it runs. */
export function countedLoader<T>(load: (run: number) => T | Promise<T>): (() => Promise<T>) & { runs: number } {
  const loader = Object.assign(
    async (): Promise<T> => {
      loader.runs++;
      return load(loader.runs);
    },
    { runs: 0 },
  );
  return loader;
}
