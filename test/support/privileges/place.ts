import type { RedisConnection } from '../../../lib/options/index.js';
import type { TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../ask.js';

/** Where something is tried, as a user that may do only some things. */
export interface Place {
  /** With the user's name and password. */
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  /** Begins the names of keys that are not this package's. */
  readonly ownPrefix: string;
  /** Every server that holds data, as somebody who may do everything. */
  readonly servers: readonly TestRedis[];
}

/** Does all that a feature consists of; rejects at the first thing that is not as it should be. */
export type Exercise = (place: Place) => Promise<void>;

/** How often anything was read since the servers started, by script or without. */
export async function reads({ servers }: Place): Promise<number> {
  const infos = await Promise.all(servers.map((server) => ask(server, (client) => client.info('commandstats'))));
  const counts = infos.flatMap((info) =>
    [...info.matchAll(/^cmdstat_(?:evalsha|mget|get):calls=(\d+)/gm)].map(([, calls]) => Number(calls)),
  );
  return counts.reduce((sum, calls) => sum + calls, 0);
}

/** No server knows a script any more, so that each has to be sent in full once. */
export async function forgetScripts({ servers }: Place): Promise<void> {
  await Promise.all(servers.map((server) => ask(server, (client) => client.script('FLUSH'))));
}
