import { Script } from '../../redis/index.js';

/** A number in a reply; text where the client is set to give numbers so. */
type ReplyNumber = number | string;

/**
 * Stores a record, or changes one: what was consumed stays so, and of whichever generation of its grant it was, it stays.
 *
 * KEYS record · ARGV payload, ttl ms or '', generation of its grant or '', '1' to store only what is new
 * Reply 1 stored · 0 it was ended, or is not new
 */
export const STORE = new Script<ReplyNumber>(`#!lua
local payload, ttl, generation, only_new = unpack(ARGV)
if redis.call('HEXISTS', KEYS[1], 'x') == 1 then return 0 end
if only_new ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'd', payload)
if generation ~= '' then redis.call('HSETNX', KEYS[1], 'n', generation) end
if ttl == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ttl) end
return 1
`);

/**
 * Uses a record up.
 *
 * KEYS record · ARGV how much its grant has given until now, '' without one
 * Reply 1 by this call · 0 it was used before, or is gone
 */
export const CONSUME = new Script<ReplyNumber>(`#!lua flags=allow-oom
if redis.call('HEXISTS', KEYS[1], 'd') == 0 then return 0 end
if redis.call('HSETNX', KEYS[1], 'c', redis.call('TIME')[1]) == 0 then return 0 end
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'k', ARGV[1]) end
return 1
`);

/**
 * Ends a record or a grant; for a while nothing can be stored in its place.
 *
 * KEYS record or grant · ARGV ms
 */
export const END = new Script(`#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'x', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);

/**
 * Makes a grant live at least as long as what is about to be stored under it, and counts the tokens issued.
 *
 * KEYS grant · ARGV generation if it has none, ttl ms or '', payload or '', tokens issued, refresh tokens among them
 * Reply its generation · nil it was ended
 */
export const JOIN = new Script<string | null>(`#!lua
local fresh, ttl, payload, issued, refresh = unpack(ARGV)
if redis.call('HEXISTS', KEYS[1], 'x') == 1 then return nil end
local left = redis.call('PTTL', KEYS[1])
redis.call('HSETNX', KEYS[1], 'n', fresh)
if payload ~= '' then redis.call('HSET', KEYS[1], 'd', payload) end
redis.call('HINCRBY', KEYS[1], 'i', issued)
redis.call('HINCRBY', KEYS[1], 'r', refresh)
local generation = redis.call('HGET', KEYS[1], 'n')
if ttl == '' then
  redis.call('PERSIST', KEYS[1])
elseif left == -2 or (left >= 0 and left < tonumber(ttl)) then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
return generation
`);

/**
 * Ends all that was issued under a grant, in one write; the grant itself stays.
 *
 * KEYS grant · ARGV next generation
 */
export const REVOKE = new Script(`#!lua flags=allow-oom
if redis.call('HEXISTS', KEYS[1], 'n') == 1 then redis.call('HSET', KEYS[1], 'n', ARGV[1]) end
`);
