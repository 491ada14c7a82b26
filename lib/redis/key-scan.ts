import type { Redis } from 'ioredis';
import { commandConnections, everyMaster } from './cluster.js';
import type { RedisAuthConnection } from './redis-auth-connection.js';
import type { RedisClient } from './redis-client.js';

/** Sends commands, each call bounded in time and failing with errors of this package, which name no keys. */
export type Call = <T>(send: (client: RedisClient) => Promise<T>) => Promise<T>;

/** Sends to one server, the one master or one of a Cluster's. */
export type CallNode = <T>(send: (node: Redis) => Promise<T>) => Promise<T>;

/** How a walk over the keys of a Redis can be watched and ended. */
export interface ScanOptions {
  /** Ends the walk between two steps; it then throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Told after each step which share of the keys has been walked over, 0 to 1; on a Cluster master by master. */
  onPosition?: ((share: number) => void) | undefined;
}

/** Some of the keys of one server. */
export interface FoundKeys {
  readonly keys: readonly string[];
  readonly on: CallNode;
}

/** So many places of the table at a time keep Redis for a fraction of a millisecond. */
const COUNT = 500;

export function callsOver(connection: RedisAuthConnection, operation: string): Call {
  return (send) => connection.execute(operation, send);
}

/** A way to each master; one that is no longer one fails its calls. */
export async function callsToMasters(call: Call): Promise<CallNode[]> {
  const addresses = await call(async (client) => everyMaster(client).map(addressOf));
  return addresses.map((address) => (send) => call((client) => send(masterAt(client, address))));
}

/**
 * Every key whose name begins with the prefix and goes on as the glob pattern says, on each master. By SCAN: what is there
 * from beginning to end is found, perhaps twice; what comes or goes meanwhile may be. Where a Cluster has got another
 * master meanwhile the walk fails, and is to be begun again.
 */
export async function* scanKeys(
  call: Call,
  prefix: string,
  glob: string,
  { signal, onPosition }: ScanOptions = {},
): AsyncGenerator<FoundKeys, void> {
  const masters = await callsToMasters(call);
  for (const [place, on] of masters.entries()) {
    let cursor = '0';
    do {
      signal?.throwIfAborted();
      const from = cursor;
      const [next, keys] = await on((node) => node.scan(from, 'MATCH', escapeGlob(prefix) + glob, 'COUNT', COUNT));
      if (keys.length > 0) yield { keys, on };
      cursor = next;
      onPosition?.((place + (masters.length === 1 || cursor === '0' ? shareBefore(cursor) : 0)) / masters.length);
    } while (cursor !== '0');
  }
}

/** The text as a glob pattern that matches nothing but it. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}

/** A cursor counts with its bits in reverse order, so that a table may grow and shrink meanwhile. */
function shareBefore(cursor: string): number {
  if (cursor === '0') return 1;
  const reversed = BigInt(cursor).toString(2).padStart(64, '0').split('').reverse().join('');
  return Number(BigInt(`0b${reversed}`)) / 2 ** 64;
}

function masterAt(client: RedisClient, address: string): Redis {
  const master = commandConnections(client).find((node) => addressOf(node) === address);
  if (master === undefined) throw new Error('a master of the Cluster is no longer one; begin again');
  return master;
}

/** The one server behind a Sentinel keeps its name, whichever it is now. */
function addressOf({ options }: Redis): string {
  return options.path ?? `${options.host}:${options.port}`;
}
