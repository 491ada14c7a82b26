import { Script } from '../redis/index.js';
import { ALGORITHMS, HITS, NOW } from './algorithms.lua.js';

/** What a script is to do with its limits: use them if all allow it, only look, use or give back whatever they allow. */
export type Mode = 'use' | 'look' | 'add' | 'return';

/**
 * Sets `B` or `x` where the bucket has to live longer than it would: in steps, so that a busy one is not told each time.
 *
 * Hash: one field for each limit, named by it, with what its algorithm keeps · B blocked until (ms) · x expires at (ms)
 */
const KEEP = `
local function keep(bucket, field, value, needed, expires)
  if needed <= expires then
    redis.call('HSET', bucket, field, value)
    return expires
  end
  expires = 2 * needed - now
  redis.call('HSET', bucket, field, value, 'x', expires)
  redis.call('PEXPIREAT', bucket, expires)
  return expires
end
`;

/**
 * Several limits at once, all or nothing.
 *
 * KEYS bucket of each limit, [request]
 * ARGV mode, the last moment (ms) at which anybody waits for the answer, then of each limit: field (its first letter is
 *   the algorithm's), limit, window ms, cost
 * Reply the moment, then of each limit: limit, how much is left, ms until all of it is, ms until the cost is; as text.
 *   Nothing where nobody waits any more: then nothing was used. A repeat of a request gets the first one's.
 */
export const DEBIT = new Script<string | null>(`#!lua
${NOW}
local count = (#ARGV - 2) / 4
local request = KEYS[count + 1]
if request then
  local first = redis.call('GET', request)
  if first then return first end
end
if now > ARGV[2] + 0 then return false end
${HITS}
${ALGORITHMS}
${KEEP}
local mode = ARGV[1]
local seen, expiries, is_allowed = {}, {}, true
for n = 1, count do
  local field = ARGV[4 * n - 1]
  local limit, window, cost = ARGV[4 * n] + 0, ARGV[4 * n + 1] + 0, ARGV[4 * n + 2] + 0
  local kept = redis.call('HMGET', KEYS[n], 'B', 'x', field)
  local letter = string.sub(field, 1, 1)
  local one, two, left, wait = look[letter](kept[3], limit, window, cost)
  local blocked = kept[1] and kept[1] - now or 0
  if wait > 0 or blocked > 0 then is_allowed = false end
  expiries[KEYS[n]] = (kept[2] or 0) + 0
  seen[n] = { letter, one, two, left, wait, blocked, limit, window, cost, kept[3] }
end

local reply = tostring(now)
for n = 1, count do
  local letter, one, two, left, wait, blocked, limit, window, cost, known = unpack(seen[n])
  local add = 0
  if mode == 'use' and is_allowed then
    add = cost
  elseif mode == 'add' then
    add = math.min(cost, limit + left)
  elseif mode == 'return' and known then
    add = -cost
  end
  local value, reset = use[letter](one, two, limit, window, add)
  if add ~= 0 then
    expiries[KEYS[n]] = keep(KEYS[n], ARGV[4 * n - 1], value, now + math.max(1, reset), expiries[KEYS[n]])
    left = left - add
    if mode ~= 'use' then one, two, left, wait = look[letter](value, limit, window, 1) end
  end
  if blocked > 0 then
    left, wait, reset = 0, math.max(wait, blocked), math.max(reset, blocked)
  end
  left = math.max(0, math.min(left, limit))
  reply = reply .. string.format(' %.0f %.0f %.0f %.0f', limit, left, reset, wait)
end
if request then redis.call('SET', request, reply, 'PX', 60000) end
return reply
`);

/**
 * KEYS bucket · ARGV life of the block ms
 * Reply until when
 */
export const BLOCK = new Script<number | string>(`#!lua
${NOW}
${KEEP}
local ends = now + ARGV[1]
keep(KEYS[1], 'B', ends, ends, (redis.call('HGET', KEYS[1], 'x') or 0) + 0)
return ends
`);
