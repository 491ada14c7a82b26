import { StoreStatistics } from '../observability/index.js';
import { diagnose, explainTrouble, RedisAuthConnection, type Trouble, TROUBLES } from '../redis/index.js';
import { checkServers } from './audit.js';
import type { AuditedOptions } from './facts.js';
import type { Outcome } from './finding.js';
import type { Need } from './memory-checks.js';

/** As many keys are looked at for an estimate of ours. */
const SAMPLE = 2_000;

/** Connects as the application would and checks everything, or tells why there is no connection. Changes nothing. */
export async function examine(options: AuditedOptions, expectedSessions: number | undefined, signal: AbortSignal): Promise<Outcome[]> {
  const connection = new RedisAuthConnection(options.redis, options);
  try {
    const trouble = await troubleWith(connection, options, signal);
    if (trouble !== undefined) return [findingOf(trouble)];
    const { need, outcomes } = await countKeys(connection, options.keyPrefix, signal);
    const expected = expectedSessions !== undefined && { expectedSessions };
    return [...(await checkServers(connection, options, { ...need, ...expected })), ...outcomes];
  } finally {
    await connection.close();
  }
}

async function troubleWith(connection: RedisAuthConnection, { redis }: AuditedOptions, signal: AbortSignal): Promise<Trouble | undefined> {
  let told: unknown;
  connection.on('error', (error) => (told ??= error));
  try {
    await connection.open();
    if (connection.isUsable) return undefined;
    const found = await diagnose(redis, signal);
    if (found !== undefined) return found;
    // It was a moment's trouble, or one that only the driver meets.
    await connection.ping();
    return undefined;
  } catch (error) {
    const reason = told ?? (error as Error).cause;
    return (reason instanceof Error ? explainTrouble(reason) : undefined) ?? TROUBLES.noAnswer;
  }
}

function findingOf({ code, message, advice }: Trouble): Outcome {
  return { code, severity: 'error', path: 'redis', message, advice };
}

/** How much of the database is ours, by a sample. */
async function countKeys(
  connection: RedisAuthConnection,
  keyPrefix: string,
  signal: AbortSignal,
): Promise<{ need: Need; outcomes: Outcome[] }> {
  try {
    const total = await connection.dbSize();
    const { keys, bytes, sessions } = await new StoreStatistics({ connection, keyPrefix }).statistics({ sample: SAMPLE, signal });
    const need = { ourBytes: bytes.estimate, sessions: sessions.estimate };
    const foreign = Math.round(total - keys.estimate);
    if (foreign <= 2 * keys.error) return { need, outcomes: [] };
    const about = keys.exact ? '' : 'about ';
    return {
      need,
      outcomes: [
        {
          code: 'shared-database',
          severity: 'info',
          path: 'redis.db',
          message: `${about}${foreign.toLocaleString('en')} of ${total.toLocaleString('en')} keys there do not begin as ours do`,
          advice: 'give this package a Redis of its own: others share its memory, its load, and FLUSHALL',
        },
      ],
    };
  } catch {
    signal.throwIfAborted();
    return { need: {}, outcomes: [{ code: 'shared-database', reason: 'SCAN, DBSIZE or MEMORY USAGE is not allowed' }] };
  }
}
