import { NOW, Script } from '../redis/index.js';
import { DRAW, TELL } from './grant.lua.js';
import type { LockScripts } from './lock-state.js';

/**
 * Several holders at a time: the permits of one key, or the keys of a group, of which each call takes some at once.
 *
 * State (string), KEYS[1], there while anyone holds: a line for each holder and each waiter, in the order in which they came:
 *   `<id> <ttl ms> <capacity> <end of the lease, ms, or 0 of one who waits> <token or 0> <name> <name> …`
 * A call takes all of its names or none. A waiter takes its place in line for each name: nobody overtakes it who wants
 *   one of the same, so that who wants many is not starved by those who want one.
 * Its TTL is the last lease, and SLACK longer while somebody waits. Leases are compared with the server's time.
 *
 * ARGV[1] is the id of the caller.
 */
const CORE = `${DRAW}${TELL}
${NOW}
local entries, own = {}, nil
local function enter(id, ttl, capacity, ends, token, names)
  local entry = { id = id, ttl = ttl, capacity = capacity + 0, ends = ends, token = token, names = names }
  entries[#entries + 1] = entry
  if id == ARGV[1] then own = entry end
end
for id, ttl, capacity, ends, token, names in string.gmatch(redis.call('GET', KEYS[1]) or '', '(%S+) (%d+) (%d+) (%d+) (%d+) ([^\\n]*)\\n') do
  ends = ends + 0
  if ends == 0 or ends > now then enter(id, ttl, capacity, ends, token, names) end
end

local taken = {}
local function take(entry)
  for name in string.gmatch(entry.names, '%S+') do taken[name] = (taken[name] or 0) + 1 end
end
local function is_free(entry)
  for name in string.gmatch(entry.names, '%S+') do
    if (taken[name] or 0) >= entry.capacity then return false end
  end
  return true
end

-- gives to those who wait what is free, each in its turn, and forgets those who do not hear of it
local function settle()
  for _, entry in ipairs(entries) do
    if entry.ends > 0 then take(entry) end
  end
  for _, entry in ipairs(entries) do
    if entry.ends == 0 and not entry.gone then
      local free = is_free(entry)
      if free then
        entry.token = integer(draw(1))
        entry.gone = entry ~= own and not tell(entry.id, entry.token)
        entry.ends = now + entry.ttl
      end
      if not entry.gone then take(entry) end
    end
  end
end

local function store()
  local lines, last, slack = {}, now + 1, 0
  for _, entry in ipairs(entries) do
    if not entry.gone then
      lines[#lines + 1] = table.concat({ entry.id, entry.ttl, entry.capacity, integer(entry.ends), entry.token, entry.names }, ' ') .. '\\n'
      if entry.ends > last then last = entry.ends end
      if entry.ends == 0 then slack = SLACK end
    end
  end
  if #lines == 0 then
    redis.call('DEL', KEYS[1])
  else
    redis.call('SET', KEYS[1], table.concat(lines), 'PXAT', integer(last + slack))
  end
end

local function leave()
  own.gone = true
  own.ends = 0
end

-- ms until the first lease ends
local function first_end()
  local first
  for _, entry in ipairs(entries) do
    if entry.ends > 0 and not entry.gone and (not first or entry.ends < first) then first = entry.ends end
  end
  return first - now
end
`;

/**
 * Idempotent; `try` does not queue.
 *
 * ARGV id, ttl ms, `try` | `wait` | `check`, capacity, names
 * Reply the token, of a lease that begins now · minus the ms after which to ask again
 */
const TAKE = `
if not own then enter(ARGV[1], ARGV[2], ARGV[4], 0, '0', ARGV[5]) end
settle()
if own.ends > 0 then
  own.ttl = ARGV[2]
  own.ends = now + ARGV[2]
  store()
  return own.token
end
if ARGV[3] == 'try' then leave() end
store()
return -first_end()
`;

/**
 * ARGV id, ttl ms
 * Reply 1 · 0
 */
const EXTEND = `
if not own or own.ends == 0 then return 0 end
own.ttl = ARGV[2]
own.ends = now + ARGV[2]
store()
return 1
`;

/**
 * Ends holding as well as waiting.
 *
 * ARGV id
 * Reply 1 · 0 where it was not held
 */
const RELEASE = `
if not own then return 0 end
local held = own.ends > 0
leave()
settle()
store()
return held and 1 or 0
`;

/** To keep a lock, or to end it, must not fail for want of memory. */
export const SHARED: LockScripts = {
  take: new Script(`#!lua\n${CORE}${TAKE}`),
  extend: new Script(`#!lua flags=allow-oom\n${CORE}${EXTEND}`),
  release: new Script(`#!lua flags=allow-oom\n${CORE}${RELEASE}`),
};
