import type { Redis } from 'ioredis';
import { commandConnections, connectNode, isCluster } from './cluster.js';
import { databaseOf } from './database.js';
import type { RedisClient } from './redis-client.js';

const OLDEST_REDIS = [7, 0] as const;
const OLDEST_VALKEY = [7, 2] as const;

/**
 * Asks a connection that says it is ready what it really is; rejects where it must not be used.
 *
 * @returns whether the server's version could be read: INFO may be forbidden to the user
 */
export async function probe(client: RedisClient): Promise<{ versionKnown: boolean }> {
  if (isCluster(client)) {
    const masters = commandConnections(client);
    masters.forEach(connectNode);
    await Promise.all(masters.map(whenDecided));
    const reachable = masters.find(({ status }) => status === 'ready');
    if (!reachable) throw new Error('no master of the cluster can be reached');
    return checkVersion(reachable);
  } else {
    // ioredis goes on in database 0 where its own SELECT was refused. Again, so that we see the reply.
    const db = databaseOf(client);
    if (db !== 0) await client.select(db);
    return checkVersion(client);
  }
}

async function checkVersion(node: Redis): Promise<{ versionKnown: boolean }> {
  let info: string;
  try {
    info = await node.info('server');
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return { versionKnown: false };
    throw error;
  }
  const valkey = version(info, 'valkey_version');
  const redis = version(info, 'redis_version');
  if (valkey ? isOlder(valkey, OLDEST_VALKEY) : redis && isOlder(redis, OLDEST_REDIS)) {
    throw new Error(`this server is too old: ${valkey ? 'Valkey' : 'Redis'} ${(valkey ?? redis)?.join('.')}`);
  }
  return { versionKnown: redis !== undefined };
}

function version(info: string, field: string): readonly [number, number] | undefined {
  const [, major, minor] = new RegExp(`^${field}:(\\d+)\\.(\\d+)`, 'm').exec(info) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function isOlder([major, minor]: readonly [number, number], [leastMajor, leastMinor]: readonly [number, number]): boolean {
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

/** When the node is ready, or its first attempt to connect has failed. */
function whenDecided(node: Redis): Promise<void> {
  if (node.status !== 'connecting' && node.status !== 'connect') return Promise.resolve();
  return new Promise((resolve) => {
    const decided = (): void => {
      node.off('ready', decided).off('close', decided);
      resolve();
    };
    node.on('ready', decided).on('close', decided);
  });
}
