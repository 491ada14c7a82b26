import { once } from 'node:events';
import { isCluster } from './cluster.js';
import type { RedisClient } from './redis-client.js';

const QUIT_WITHIN_MS = 500;
const GONE_WITHIN_MS = 400;

/** Closes a client of ours in whatever state it is, within a second; never rejects. */
export async function closeClient(client: RedisClient): Promise<void> {
  const ignore = (): void => undefined;
  client.on('error', ignore);
  // QUIT is answered after all that was sent before it.
  if (client.status === 'ready') await within(QUIT_WITHIN_MS, client.quit());
  const streams = (isCluster(client) ? client.nodes() : [client]).map(({ stream }) => stream);
  // Also after QUIT: that leaves the connections to Sentinels open.
  client.disconnect();
  if (isCluster(client)) {
    // A refresh of the slots that is under way sets the timer of the next one when it ends: clear that too, whenever it is.
    const refreshed = new Promise<void>((resolve) => {
      client.refreshSlotsCache(() => {
        client.disconnect();
        resolve();
      });
    });
    await within(GONE_WITHIN_MS, refreshed);
  }
  await Promise.all(
    streams.map(async (stream) => {
      if (!stream || stream.closed) return;
      await within(GONE_WITHIN_MS, once(stream, 'close'));
      stream.destroy();
    }),
  );
}

/** Settles with the promise, or without it when the time is over. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([
    promise.then(
      () => undefined,
      () => undefined,
    ),
    timeout,
  ]);
  clearTimeout(timer);
}
