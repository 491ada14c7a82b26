import type { Redis } from 'ioredis';
import { until } from './until.js';

/** Bytes that a server uses, once that has settled: buffers of busy connections shrink, and tables are moved, a little later. */
export async function usedMemory(server: Redis): Promise<number> {
  let last = -1;
  await until(
    async () => {
      const now = Number(/^used_memory:(\d+)/m.exec(await server.info('memory'))![1]);
      const settled = Math.abs(now - last) < 1_024;
      last = now;
      return settled;
    },
    { within: 20_000, every: 250, what: 'used_memory has settled' },
  );
  return last;
}
