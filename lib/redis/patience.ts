import { isCluster } from './cluster.js';
import type { RedisClient } from './redis-client.js';

/** Milliseconds after which the client itself gives a command up, which an application's own may do soon; Infinity where it never does. */
export function patienceOf(client: RedisClient): number {
  const { commandTimeout, socketTimeout } = (isCluster(client) ? client.options.redisOptions : client.options) ?? {};
  return Math.min(commandTimeout || Infinity, socketTimeout || Infinity);
}
