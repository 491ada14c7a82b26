import { isCluster } from './cluster.js';
import type { RedisClient } from './redis-client.js';

/** Number of the database that the client's commands go to, that of a later SELECT included; a Cluster has only 0. */
export function databaseOf(client: RedisClient): number {
  if (isCluster(client)) return 0;
  return client.condition?.select ?? client.options.db ?? 0;
}
