import { Script } from '../redis/index.js';

/**
 * Points a custom token to its record, unless it points to another already that is not known to be gone.
 *
 * KEYS pointer · ARGV id, ttl ms or '', id of a record that is gone or ''
 * Reply nil where it points to the id now, else the id that it points to
 */
export const POINT = new Script<string | null>(`#!lua
local present = redis.call('GET', KEYS[1])
if present and present ~= ARGV[1] and present ~= ARGV[3] then return present end
if ARGV[2] == '' then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return nil
`);

/**
 * Reads a pointer and makes it live at least as long as its record is about to: it may outlive it, never the reverse.
 *
 * KEYS pointer · ARGV ttl ms or ''
 * Reply the id, and 'for ever' for a pointer without an end; or nil
 */
export const PROLONG = new Script<[id: string, life: 'for ever' | ''] | null>(`#!lua flags=allow-oom
local id = redis.call('GET', KEYS[1])
if not id then return nil end
if ARGV[1] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[1], 'GT') end
return { id, redis.call('PTTL', KEYS[1]) == -1 and 'for ever' or '' }
`);

/**
 * Forgets a pointer whose record is gone, at once or that much later, also where it was about to end before.
 *
 * KEYS pointer · ARGV id, ms or 0
 * Reply 1 where it pointed there
 */
export const UNPOINT = new Script<number | string>(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);
