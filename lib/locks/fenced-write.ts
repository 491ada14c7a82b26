import { assertObject, assertText } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { type Duration, isWellFormed, parseDuration } from '../options/index.js';
import { Script, type ScriptArgument } from '../redis/index.js';

const MAX_KEY_BYTES = 1024;
const MAX_FIELDS = 1024;
const FENCE = 'fence';

/** What {@link DistributedLock.writeFenced} writes. */
export interface FencedWrite {
  /** {@link Lock.fencingToken} of the holder. */
  fencingToken: bigint;
  /** Text by field; `fence` is not one of them. */
  fields: Readonly<Record<string, string>>;
  /** How long the hash then lives. @default as before */
  ttl?: Duration;
}

/**
 * KEYS a hash · ARGV token, ttl ms or '', name, value …
 * Reply 1 · 0 where a greater token has written
 */
export const WRITE_FENCED = new Script<number | string>(`#!lua
local last = redis.call('HGET', KEYS[1], 'fence')
if last and tonumber(last) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], unpack(ARGV, 3))
if ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`);

export function checkFencedWrite(key: string, write: FencedWrite): { keys: readonly string[]; args: readonly ScriptArgument[] } {
  assertText('key', key, MAX_KEY_BYTES);
  assertObject('write', write);
  const { fencingToken, fields, ttl } = write as Partial<FencedWrite>;
  if (typeof fencingToken !== 'bigint' || fencingToken < 0n || fencingToken > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidArgumentError('fencingToken', 'must be the fencing token of a lock');
  }
  assertObject('fields', fields);
  const entries = Object.entries(fields);
  if (entries.length > MAX_FIELDS) throw new InvalidArgumentError('fields', `must be at most ${MAX_FIELDS}`);
  for (const [name, value] of entries) {
    if (name === FENCE) throw new InvalidArgumentError('fields', 'must not name fence, which holds the token');
    if (typeof value !== 'string' || !isWellFormed(value) || !isWellFormed(name))
      throw new InvalidArgumentError(`fields.${name.slice(0, 64)}`, 'must be text of well-formed Unicode');
  }
  const ttlMs = ttl === undefined ? '' : parseDuration(ttl);
  if (ttlMs === undefined || ttlMs === 0) throw new InvalidArgumentError('ttl', "must be a duration above 0: seconds, or text as '15m'");
  return { keys: [key], args: [String(fencingToken), ttlMs, ...entries.flat()] };
}
