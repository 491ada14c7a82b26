import type { RedisClient, ScanOptions } from '../redis/index.js';
import { type ForeignTokenRecord, type SkippedRecord, skipped } from './import-record.js';
import { objectIn, readTexts } from './stored-text.js';

const SEPARATORS = ['|type:', '|owner:', '|token:'] as const;

/**
 * Reads what the package redis-tokens stored: `app:A|type:T|owner:O|token:X` → JSON of the data. App, type, owner, token, data
 * and life stay what they are. Its names are not escaped: where one holds a separator, so that the key can be read in more
 * than one way, it is left out as `ambiguous-key`.
 *
 * @param source a client of ioredis for the Redis that has them, closed by the caller; its own options bound the time of commands
 */
export async function* fromRedisTokens(
  source: RedisClient,
  options: ScanOptions = {},
): AsyncGenerator<ForeignTokenRecord | SkippedRecord, void> {
  for await (const found of readTexts(source, 'app:', '*|type:*|owner:*|token:*', options)) {
    yield found.kind === 'skipped' ? found : recordOf(found.name, found.text, found.expiresAt);
  }
}

function recordOf(name: string, text: string, expiresAt: number | null): ForeignTokenRecord | SkippedRecord {
  const [parts, another] = readings(name, SEPARATORS);
  if (parts === undefined) return skipped('unknown-key');
  if (another !== undefined) return skipped('ambiguous-key');
  const data = objectIn(text);
  if (data === undefined) return skipped('unreadable');
  const [app, type, owner, token] = parts as [string, string, string, string];
  return { kind: 'foreign-token', app, type, owner, token, data, expiresAt };
}

/** The ways to take a text apart at separators that come in this order; two are enough to know that it is ambiguous. */
function readings(text: string, [separator, ...further]: readonly string[]): string[][] {
  if (separator === undefined) return [[text]];
  const found: string[][] = [];
  for (let at = text.indexOf(separator); at >= 0 && found.length < 2; at = text.indexOf(separator, at + 1)) {
    const before = text.slice(0, at);
    found.push(...readings(text.slice(at + separator.length), further).map((rest) => [before, ...rest]));
  }
  return found;
}
