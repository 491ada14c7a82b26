import { HITS } from '../../rate-limit/index.js';
import { NOW, Script } from '../../redis/index.js';

/** Hits, ms until the window ends, whether it is blocked, ms until it is not. */
export type HitReply = [hits: number | string, windowMs: number | string, blocked: number | string, blockedMs: number | string];

/**
 * Counts a hit as the storage of @nestjs/throttler in memory does: each hit counts for `ttl` from its own moment. Over the
 * limit a key is blocked for a while, after which it begins anew with this hit; hits meanwhile are not counted. Without a
 * time to block, a hit over the limit is refused until the oldest one no longer counts.
 *
 * Hash: h hits · e end of the window that is told (ms) · B blocked until (ms)
 *
 * KEYS hits · ARGV the last moment (ms) at which anybody waits for the answer, ttl ms, limit, time to block ms
 * Reply see {@link HitReply}; nothing where nobody waits any more: then nothing was counted
 */
export const HIT = new Script<[now: number | string, ...HitReply] | null>(`#!lua
${NOW}
if now > ARGV[1] + 0 then return false end
${HITS}
local ttl, limit, block = ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0
local kept = redis.call('HMGET', KEYS[1], 'h', 'e', 'B')
local hits, used = live_hits(kept[1], ttl)
local ends = kept[2] and math.min(kept[2], now + ttl) or 0
if ends <= now then ends = now + ttl end
local blocked_until = (kept[3] or 0) + 0

if blocked_until > now then return { now, used, ends - now, 1, blocked_until - now } end
if blocked_until > 0 then hits, used, blocked_until = {}, 0, 0 end

if block == 0 and used >= limit then
  local oldest = hits[1] and hits[1] + ttl - now or ends - now
  return { now, used + 1, ends - now, 1, oldest }
end
add_hits(hits, ttl, 1)
used = used + 1
if used > limit then blocked_until = now + block end
redis.call('HSET', KEYS[1], 'h', cmsgpack.pack(hits), 'e', ends, 'B', blocked_until)
redis.call('PEXPIREAT', KEYS[1], math.max(now + ttl, blocked_until))
return { now, used, ends - now, blocked_until > now and 1 or 0, math.max(0, blocked_until - now) }
`);
