import { isObject } from '../options/index.js';
import { InvalidArgumentError, RedisAuthError, StoreUnavailableError } from '../errors/index.js';
import { type Call, isCluster, msOfTime, type RedisClient, scanKeys, type ScanOptions } from '../redis/index.js';
import { type SkippedRecord, skipped } from './import-record.js';

/** A key of type string. */
export interface StoredText {
  readonly kind: 'text';
  /** Its name without the prefix. */
  readonly name: string;
  readonly text: string;
  /** Unix ms by the clock of the server that has it; null for never. */
  readonly expiresAt: number | null;
}

const NEVER = -1;
const GONE = -2;

/** Walks over the strings of a Redis that something else wrote: a SCAN, and a pipeline for what it found. */
export async function* readTexts(
  source: RedisClient,
  prefix: string,
  glob: string,
  options: ScanOptions,
): AsyncGenerator<StoredText | SkippedRecord, void> {
  for await (const { keys, on } of scanKeys(callsTo(source), prefix, glob, options)) {
    const { now, replies } = await on(async (node) => {
      const commands = keys.flatMap((key) => [
        ['get', key],
        ['pttl', key],
      ]);
      const [[, time] = [], ...replies] = (await node.pipeline([['time'], ...commands]).exec()) ?? [];
      const failed = replies.find(([error]) => error !== null && !error.message.startsWith('WRONGTYPE'));
      if (failed?.[0]) throw failed[0];
      return { now: msOfTime(time as [string, string]), replies };
    });
    for (const [n, key] of keys.entries()) {
      const [error, text] = replies[2 * n]!;
      const ttl = Number(replies[2 * n + 1]![1]);
      if (error !== null) yield skipped('not-a-string');
      else if (typeof text === 'string' && ttl !== GONE) {
        yield { kind: 'text', name: key.slice(prefix.length), text, expiresAt: ttl === NEVER ? null : now + ttl };
      }
    }
  }
}

/** Calls over a client of the caller's, whose own options bound their time. */
function callsTo(client: RedisClient): Call {
  const { options } = client;
  const ofNodes = 'redisOptions' in options ? options.redisOptions : undefined;
  if (options.keyPrefix || (ofNodes && 'keyPrefix' in ofNodes && ofNodes.keyPrefix)) {
    throw new InvalidArgumentError('source', 'must have no keyPrefix, which SCAN does not see; give it as the prefix to read');
  }
  return async (send) => {
    try {
      // The nodes of a Cluster are known when a first command has been answered.
      if (isCluster(client) && client.status !== 'ready') await client.ping();
      return await send(client);
    } catch (error) {
      throw error instanceof RedisAuthError ? error : new StoreUnavailableError('migration.read', false, 1, { cause: error });
    }
  };
}

/** The JSON object that a text holds, or undefined. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
