import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inBatches } from '../../../lib/migration/in-batches.js';

const SIZE = { size: 10, inFlight: 3 };

describe('inBatches', () => {
  it('hands on everything once, in batches, and the rest at the end', async () => {
    const batches: number[][] = [];
    await inBatches(
      Array.from({ length: 34 }, (_, n) => n),
      SIZE,
      async (batch) => void batches.push(batch),
    );
    expect(batches.map(({ length }) => length)).toEqual([10, 10, 10, 4]);
    expect(batches.flat()).toEqual(Array.from({ length: 34 }, (_, n) => n));
  });

  it('takes no more from its source than what may be under way and one batch besides', async () => {
    let taken = 0;
    function* source(): Generator<number> {
      for (let n = 0; n < 1_000; n++) yield taken++;
    }
    const waiting: (() => void)[] = [];
    let done = 0;
    const all = inBatches(source(), SIZE, (batch) =>
      new Promise<void>((resolve) => waiting.push(resolve)).then(() => void (done += batch.length)),
    );
    while (done < 1_000) {
      for (let turn = 0; turn < 20; turn++) await setImmediate();
      expect(taken - done).toBeLessThanOrEqual(SIZE.size * (SIZE.inFlight + 1) + 1);
      expect(waiting.length).toBeLessThanOrEqual(SIZE.inFlight);
      waiting.shift()?.();
      await setImmediate();
    }
    await all;
    expect(taken).toBe(1_000);
  });

  it('rejects with the first failure when nothing is under way any more, and closes its source', async () => {
    let closed = false;
    function* source(): Generator<number> {
      try {
        for (let n = 0; ; n++) yield n;
      } finally {
        closed = true;
      }
    }
    let underWay = 0;
    const work = async ([first]: number[]): Promise<void> => {
      underWay++;
      await setImmediate();
      underWay--;
      if (first === 20) throw new Error('the third');
    };
    await expect(inBatches(source(), SIZE, work)).rejects.toThrow('the third');
    expect({ closed, underWay }).toEqual({ closed: true, underWay: 0 });
  });

  it('ends with its signal, before the first item and between two', async () => {
    const controller = new AbortController();
    let worked = 0;
    const items = Array.from({ length: 100 }, (_, n) => n);
    const work = async (): Promise<void> => {
      worked++;
      controller.abort(new Error('enough'));
    };
    await expect(inBatches(items, SIZE, work, controller.signal)).rejects.toThrow('enough');
    expect(worked).toBe(1);
    await expect(inBatches(items, SIZE, work, controller.signal)).rejects.toThrow('enough');
    expect(worked).toBe(1);
  });
});
