import { hash } from 'node:crypto';
import { escapeText, type Script, type ScriptArgument } from '../redis/index.js';
import { MUTEX } from './mutex.lua.js';
import { SHARED } from './shared.lua.js';

/** As many as there are fence counters. */
const BUCKETS = 1024;

/** What can be done with a state; each is one round trip, atomic. */
export interface LockScripts {
  readonly take: Script<string | number>;
  readonly extend: Script<string | number>;
  readonly release: Script<string | number>;
}

/**
 * Where a lock is kept, and by which scripts.
 *
 * | key                             | type   | holds                                                        |
 * |---------------------------------|--------|--------------------------------------------------------------|
 * | `<prefix>w:{bucket}<key>`       | string | who holds a key, and who waits for it                        |
 * | `<prefix>q:{bucket}<key>`       | string | the same of a key with several permits                       |
 * | `<prefix>q:{bucket}<group>:`    | string | the same of all keys of a group                              |
 * | `<prefix>f:{bucket}`            | string | the last fencing token of the bucket, one of 1,024           |
 */
export interface LockState {
  /** The key; of several, the name of their group. */
  readonly name: string;
  readonly scripts: LockScripts;
  readonly keys: readonly [string];
  /** Further arguments of `take`. */
  readonly what: readonly ScriptArgument[];
}

export function stateOfKey(prefix: string, key: string, permits: number): LockState {
  const escaped = escapeText(key);
  const place = `{${bucketOf(escaped)}}${escaped}`;
  if (permits === 1) return { name: key, scripts: MUTEX, keys: [`${prefix}w:${place}`], what: [] };
  return { name: key, scripts: SHARED, keys: [`${prefix}q:${place}`], what: [permits, 'permit'] };
}

export function stateOfGroup(prefix: string, group: string, keys: readonly string[]): LockState {
  const escaped = escapeText(group);
  const names = [...new Set(keys)].sort().map(escapeText).join(' ');
  return { name: group, scripts: SHARED, keys: [`${prefix}q:{${bucketOf(escaped)}}${escaped}:`], what: [1, names] };
}

/** The state that a message names. */
export function scriptsOf(prefix: string, stateKey: string): LockScripts {
  return stateKey.startsWith(`${prefix}q:`) ? SHARED : MUTEX;
}

function bucketOf(name: string): number {
  return Number.parseInt(hash('sha256', name, 'hex').slice(0, 8), 16) % BUCKETS;
}
