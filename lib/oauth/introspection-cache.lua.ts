import { Script } from '../redis/index.js';

/**
 * Keeps a result, unless there was an eviction since the caller looked. That a token is not active replaces what is
 * there, never the reverse: of two that were asked for at once nobody knows which is newer.
 *
 * KEYS result, marker of the last eviction
 * ARGV the marker that the caller found or '', most ms to keep it, expiry of the token (ms since 1970) or '',
 *      '1' if it is active or '', result
 * Reply 1 kept · 0 not
 */
export const KEEP = new Script<number | string>(`#!lua
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local ttl = ARGV[2] + 0
if ARGV[3] ~= '' then
  local time = redis.call('TIME')
  ttl = math.min(ttl, math.floor(ARGV[3] - (time[1] * 1000 + time[2] / 1000)))
end
if ttl < 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[5], 'PX', string.format('%.0f', ttl))
return 1
`);

/**
 * Forgets a result, and marks that this happened: whoever looked before does not find what it found.
 *
 * KEYS result, marker   ARGV what no other eviction leaves as marker, how long it stays (ms)
 */
export const EVICT = new Script<string>(`#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
return redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
`);
