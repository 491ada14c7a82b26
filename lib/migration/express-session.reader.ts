import { isObject } from '../options/index.js';
import type { RedisClient, ScanOptions } from '../redis/index.js';
import { type ForeignTokenRecord, type SkippedRecord, skipped } from './import-record.js';
import { objectIn, readTexts } from './stored-text.js';

/** Where the sessions of express-session are, and whose they are. */
export interface ExpressSessionOptions extends ScanOptions {
  /** @default 'sess:' */
  prefix?: string;
  /** Where in a session its user stands, as a path, or a function that tells. A number is taken as text. @default 'passport.user' */
  owner?: string | ((session: Record<string, unknown>) => unknown);
}

/**
 * Reads what connect-redis stored for express-session: `sess:<sid>` → JSON of the session. Each becomes a token of type
 * `express-session` that is the session's id, with the session as its data, so that an application which has unsigned an
 * old cookie can take `tokens.consume({ type: 'express-session', token: sid })` and sign its user in anew. A session
 * without an owner is left out as `no-owner`.
 *
 * @param source a client of ioredis for the Redis that has them, closed by the caller; its own options bound the time of commands
 */
export async function* fromExpressSession(
  source: RedisClient,
  { prefix = 'sess:', owner = 'passport.user', ...options }: ExpressSessionOptions = {},
): AsyncGenerator<ForeignTokenRecord | SkippedRecord, void> {
  const ownerOf = typeof owner === 'function' ? owner : (session: object): unknown => at(session, owner.split('.'));
  for await (const found of readTexts(source, prefix, '*', options)) {
    if (found.kind === 'skipped') {
      yield found;
      continue;
    }
    const data = objectIn(found.text);
    const user = data && ownerOf(data);
    if (data === undefined) yield skipped('unreadable');
    else if ((typeof user !== 'string' && typeof user !== 'number') || user === '') yield skipped('no-owner');
    else {
      const { name: token, expiresAt } = found;
      yield { kind: 'foreign-token', type: 'express-session', owner: String(user), token, data, expiresAt };
    }
  }
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined), value);
}
