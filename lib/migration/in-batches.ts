/** How many items are worked on at once. */
export interface BatchSize {
  readonly size: number;
  readonly inFlight: number;
}

/**
 * Works on what comes in batches, some of them at a time, and takes nothing more from the source while that many are under
 * way. Settles when nothing is: after the last batch, or with the first failure, or with the signal's reason.
 */
export async function inBatches<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  { size, inFlight }: BatchSize,
  work: (batch: Item[]) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let batch: Item[] = [];
  const start = (): void => {
    const done: Promise<void> = work(batch)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => underWay.delete(done));
    underWay.add(done);
    batch = [];
  };
  const check = (): void => {
    if (failures.length > 0) throw failures[0];
    signal?.throwIfAborted();
  };
  try {
    check();
    for await (const item of items) {
      check();
      batch.push(item);
      if (batch.length < size) continue;
      while (underWay.size >= inFlight) await Promise.race(underWay);
      check();
      start();
    }
    if (batch.length > 0) start();
  } finally {
    await Promise.all(underWay);
  }
  check();
}
