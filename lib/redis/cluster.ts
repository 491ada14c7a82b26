import { type Cluster, Redis } from 'ioredis';
import type { ResolvedConnection } from '../options/index.js';
import type { RedisClient } from './redis-client.js';

type ClusterNode = (ResolvedConnection & { kind: 'cluster' })['nodes'][number];

/** By its own word: the application's ioredis may be another copy than ours. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** Every connection that takes commands. */
export function commandConnections(client: RedisClient): Redis[] {
  return isCluster(client) ? client.nodes('master') : [client];
}

/**
 * Those of all masters, for what is to be known of all data.
 *
 * @throws Error while one of them is not connected: ioredis then leaves it out
 */
export function everyMaster(client: RedisClient): Redis[] {
  const connections = commandConnections(client);
  if (!isCluster(client)) return connections;
  const there = new Set(connections.map(({ options }) => `${options.host}:${options.port}`));
  for (const master of new Set(client.slots.map(([first]) => first))) {
    if (master !== undefined && !there.has(master)) throw new Error('a master of the Cluster is not connected');
  }
  return connections;
}

/**
 * Connects a node as soon as it is known. Left alone, ioredis connects with the first command and keeps that
 * command in a queue which no deadline empties: it would be executed after its caller was told that it failed.
 */
export function connectNode(node: Redis): void {
  if (node.status === 'wait' && node.options.readOnly !== true) node.connect().catch(() => undefined);
}

/**
 * Why no node of a cluster can be connected: ioredis keeps that to itself, so one connection to a node asks, no longer
 * than `signal` lets it. Undefined when that tells nothing.
 */
export async function whyUnreachable(
  { options }: Cluster,
  address: ClusterNode | undefined,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const node = new Redis({ ...options.redisOptions, ...address, lazyConnect: true, retryStrategy: () => null, replyMapping: 'legacy' });
  try {
    return await new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
      node.once('error', resolve);
      node.connect().then(
        () => resolve(undefined),
        () => undefined,
      );
      node.once('end', () => resolve(undefined));
    });
  } finally {
    node.on('error', () => undefined);
    node.disconnect();
  }
}
