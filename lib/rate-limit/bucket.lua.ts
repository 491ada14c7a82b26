import { NOW, Script } from '../redis/index.js';
import { type AlgorithmCode, ALGORITHMS, HITS } from './algorithms.lua.js';

// The hash of a key: one field for each limit, named by it, with what its algorithm keeps · B blocked until (ms) ·
// x expires at (ms), in steps of at least a second, so that it is not told to live longer with each use.

/**
 * One limit, used if it allows that: what is called most, so that each argument and each step is one less to pay for.
 *
 * KEYS bucket · ARGV the last moment (ms) at which anybody waits for the answer, field, [cost]
 * Reply the moment, how much is left, ms until all of it is, [ms until the cost is]. Nothing where nobody waits any more:
 *   then nothing was used.
 */
function useOne({ needs, look, use }: AlgorithmCode): Script<UseReply> {
  return new Script(`#!lua
${NOW}
if now > ARGV[1] + 0 then return false end
${needs}
local window, limit = string.match(ARGV[2], '^.(%d+)/(%d+)$')
local cost = (ARGV[3] or 1) + 0
window, limit = window + 0, limit + 0
local found = redis.call('HMGET', KEYS[1], 'B', 'x', ARGV[2])
local kept, one, two, left, wait, value, reset = found[3]
${look}
local blocked = found[1] and found[1] - now or 0
local add = 0
if wait == 0 and blocked <= 0 then add = cost end
${use}
if add > 0 then
  local needed = now + reset
  if found[2] and needed <= found[2] + 0 then
    redis.call('HSET', KEYS[1], ARGV[2], value)
  else
    local expires = needed + math.max(reset, 1000)
    redis.call('HSET', KEYS[1], ARGV[2], value, 'x', expires)
    redis.call('PEXPIREAT', KEYS[1], expires)
  end
elseif blocked > 0 then
  return { now, 0, math.max(reset, blocked), math.max(wait, blocked) }
end
return { now, math.max(0, left - add), reset, wait > 0 and wait or nil }
`);
}

/** Numbers, which a client of the application's own may be set to give as text. */
export type UseReply = readonly (number | string)[] | null;

/** By the letter of the algorithm. */
export const USE_ONE: Readonly<Record<string, Script<UseReply>>> = {
  g: useOne(ALGORITHMS.g),
  f: useOne(ALGORITHMS.f),
  s: useOne(ALGORITHMS.s),
};

/** What a script is to do with its limits: use them if all allow it, only look, use or give back whatever they allow. */
export type Mode = 'use' | 'look' | 'add' | 'return';

const LOOK = `if letter == 'g' then ${ALGORITHMS.g.look}
  elseif letter == 'f' then ${ALGORITHMS.f.look}
  else ${ALGORITHMS.s.look}
  end`;
const USE = `if letter == 'g' then ${ALGORITHMS.g.use}
  elseif letter == 'f' then ${ALGORITHMS.f.use}
  else ${ALGORITHMS.s.use}
  end`;

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
local mode = ARGV[1]
local seen, expiries, is_allowed = {}, {}, true
local letter, kept, limit, window, cost, one, two, left, wait, add, value, reset
for n = 1, count do
  local field = ARGV[4 * n - 1]
  letter, limit, window, cost = string.sub(field, 1, 1), ARGV[4 * n] + 0, ARGV[4 * n + 1] + 0, ARGV[4 * n + 2] + 0
  local found = redis.call('HMGET', KEYS[n], 'B', 'x', field)
  kept = found[3]
  ${LOOK}
  local blocked = found[1] and found[1] - now or 0
  if wait > 0 or blocked > 0 then is_allowed = false end
  expiries[KEYS[n]] = (found[2] or 0) + 0
  seen[n] = { letter, limit, window, cost, one, two, left, wait, kept, blocked }
end

local reply = tostring(now)
for n = 1, count do
  local blocked
  letter, limit, window, cost, one, two, left, wait, kept, blocked = unpack(seen[n])
  add = 0
  if mode == 'use' and is_allowed then
    add = cost
  elseif mode == 'add' then
    add = math.min(cost, limit + left)
  elseif mode == 'return' and kept then
    add = -cost
  end
  ${USE}
  if add ~= 0 then
    local bucket, needed = KEYS[n], now + reset
    redis.call('HSET', bucket, ARGV[4 * n - 1], value)
    if needed > expiries[bucket] then
      expiries[bucket] = needed + math.max(reset, 1000)
      redis.call('HSET', bucket, 'x', expiries[bucket])
      redis.call('PEXPIREAT', bucket, expiries[bucket])
    end
    left = left - add
  end
  if mode == 'add' or mode == 'return' then
    kept, cost = value, 1
    ${LOOK}
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

/** KEYS bucket · ARGV life of the block ms · Reply until when */
export const BLOCK = new Script<number | string>(`#!lua
${NOW}
local ends = now + ARGV[1]
redis.call('HSET', KEYS[1], 'B', ends)
if ends > (redis.call('HGET', KEYS[1], 'x') or 0) + 0 then
  redis.call('HSET', KEYS[1], 'x', ends)
  redis.call('PEXPIREAT', KEYS[1], ends)
end
return ends
`);

/** Whether Redis keeps limits: refused where those above are, as when it is full. KEYS bucket · Reply anything */
export const PROBE = new Script(`#!lua
return redis.call('HMGET', KEYS[1], 'B')
`);
