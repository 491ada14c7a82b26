import type { RedisClient, ScanOptions } from '../redis/index.js';
import { type ForeignTokenRecord, type SkippedRecord, skipped } from './import-record.js';
import { objectIn, readTexts } from './stored-text.js';

/**
 * Reads what the package redis-jwt stored: `<id>:<11 characters>` → `{"rjwt", "dataSession"}`. Each becomes a token of type
 * `redis-jwt` that belongs to the id and is the `rjwt` of its JWT, so that an application which has verified an old JWT can
 * take `tokens.consume({ type: 'redis-jwt', token: payload.rjwt })` and sign its user in anew. The JWT's signature has to be
 * verified first: its `rjwt` alone is no secret.
 *
 * @param source a client of ioredis for the Redis that has them, closed by the caller; its own options bound the time of commands
 */
export async function* fromRedisJwt(
  source: RedisClient,
  options: ScanOptions = {},
): AsyncGenerator<ForeignTokenRecord | SkippedRecord, void> {
  for await (const found of readTexts(source, '', '?*:???????????', options)) {
    if (found.kind === 'skipped') continue;
    const session = objectIn(found.text);
    // It had no prefix: whatever else ends like one of its names is not its own.
    if (session?.['rjwt'] === found.name) yield recordOf(found.name, session['dataSession'], found.expiresAt);
  }
}

function recordOf(token: string, dataSession: unknown, expiresAt: number | null): ForeignTokenRecord | SkippedRecord {
  const owner = token.slice(0, token.lastIndexOf(':'));
  if (dataSession === undefined || dataSession === null) return { kind: 'foreign-token', type: 'redis-jwt', owner, token, expiresAt };
  if (typeof dataSession !== 'object' || Array.isArray(dataSession)) return skipped('bad-data');
  return { kind: 'foreign-token', type: 'redis-jwt', owner, token, data: dataSession as Record<string, unknown>, expiresAt };
}
