import { assertText, isObject } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { type Duration, parseDuration } from '../options/index.js';
import { type LockState, stateOfGroup, stateOfKey } from './lock-state.js';
import type { LockTarget, TryLockOptions, WaitLockOptions } from './lock-types.js';

const MAX_KEY_BYTES = 1024;
const MAX_GROUP_BYTES = 256;
const MAX_KEYS = 64;
const MAX_PERMITS = 1_000;
/** Shorter than that, a lease is over before its holder can do anything. */
const SHORTEST_TTL_MS = 10;

/** What is asked for. */
export interface LockRequest {
  readonly state: LockState;
  readonly ttlMs: number;
}

export function checkRequest(prefix: string, target: LockTarget, options: TryLockOptions): LockRequest {
  if (!isObject(options)) throw new InvalidArgumentError('options', 'must be an object with a ttl');
  const { ttl, permits = 1 } = options;
  if (!Number.isInteger(permits) || permits < 1 || permits > MAX_PERMITS) {
    throw new InvalidArgumentError('permits', `must be an integer from 1 to ${MAX_PERMITS}`);
  }
  return { state: checkTarget(prefix, target, permits), ttlMs: checkTtl(ttl) };
}

function checkTarget(prefix: string, target: LockTarget, permits: number): LockState {
  if (!isObject(target)) {
    assertText('key', target, MAX_KEY_BYTES);
    return stateOfKey(prefix, target, permits);
  }
  const { group, keys } = target as { group: unknown; keys: unknown };
  assertText('group', group, MAX_GROUP_BYTES);
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) {
    throw new InvalidArgumentError('keys', `must be an array of 1 to ${MAX_KEYS} keys`);
  }
  const checked = keys.map((key: unknown, index) => {
    assertText(`keys[${index}]`, key, MAX_KEY_BYTES);
    return key;
  });
  if (permits !== 1) throw new InvalidArgumentError('permits', 'cannot be given for a group');
  return stateOfGroup(prefix, group, checked);
}

export function checkTtl(ttl: Duration): number {
  const ms = parseDuration(ttl);
  if (ms !== undefined && ms >= SHORTEST_TTL_MS) return ms;
  throw new InvalidArgumentError('ttl', `must be a duration of at least ${SHORTEST_TTL_MS} ms: seconds, or text as '30s', '500 ms'`);
}

export function checkWait({ wait, signal }: WaitLockOptions, defaultMs: number): number {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new InvalidArgumentError('signal', 'must be an AbortSignal');
  if (wait === undefined) return defaultMs;
  const ms = parseDuration(wait);
  if (ms === undefined) throw new InvalidArgumentError('wait', "must be a duration: seconds, or text as '10s'; 0 tries once");
  return ms;
}
