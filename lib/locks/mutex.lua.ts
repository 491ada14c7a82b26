import { Script } from '../redis/index.js';
import { DRAW, TELL } from './grant.lua.js';
import type { LockScripts } from './lock-state.js';

/**
 * One key that one holder has at a time.
 *
 * State (string), KEYS[1], there while the lock is held: `<id> <ttl ms> <token> <last token reserved>` of the holder, then
 *   `<id> <ttl ms>` of each waiter in their order, a line each.
 * Its TTL is the lease, so that Redis itself ends it; and SLACK longer while somebody waits, so that the lease can end
 *   into the queue. No time is read and none compared.
 * Tokens of hand-overs are drawn eight at a time. Where a lease ended they are drawn anew: Redis may have gone on from an
 *   older state of this lock, as a failover does, and what was reserved may have been given to others.
 * What a free lock needs stands first: a script makes its functions anew in each run.
 */
const WRITE = `${DRAW}
local function write(id, ttl, token, reserved, waiters)
  local lives = waiters == '' and ttl or ttl + SLACK
  redis.call('SET', KEYS[1], id .. ' ' .. ttl .. ' ' .. token .. ' ' .. reserved .. '\\n' .. waiters, 'PX', lives)
end
`;

const READ = `
local function read(state) return string.match(state, '^(%S+) (%d+) (%d+) (%d+)\\n(.*)$') end
`;

const HAND_OVER = `${TELL}
local CHUNK = 8

-- to the first waiter that hears of it: its id, token and ttl; nobody holds the lock where there is none
local function hand_over(token, reserved, waiters)
  for id, ttl, next_line in string.gmatch(waiters, '(%S+) (%d+)\\n()') do
    if token == reserved then
      reserved = draw(CHUNK)
      token, reserved = integer(reserved - CHUNK + 1), integer(reserved)
    else
      token = integer(token + 1)
    end
    if id == ARGV[1] or tell(id, token) then
      write(id, ttl, token, reserved, string.sub(waiters, next_line))
      return id, token, ttl
    end
  end
  redis.call('DEL', KEYS[1])
end
`;

/**
 * Idempotent. `try` does not queue; `wait` queues behind others without a look at the lease, which is theirs to watch;
 * `check` is what one who waits asks.
 *
 * ARGV id, ttl ms, `try` | `wait` | `check`
 * Reply the token, of a lease that begins now · minus the ms after which to ask again
 */
const TAKE = `${WRITE}
local id, ttl, mode = ARGV[1], ARGV[2], ARGV[3]
local function take_new()
  local token = integer(draw(1))
  write(id, ttl, token, token, '')
  return token
end

local state = redis.call('GET', KEYS[1])
if not state then return take_new() end
${READ}${HAND_OVER}
local holder, its_ttl, token, reserved, waiters = read(state)
if holder == id then
  write(id, ttl, token, reserved, waiters)
  return token
end

local line = id .. ' ' .. ttl .. '\\n'
local enters = mode ~= 'try' and not string.find(waiters, id .. ' ', 1, true)
if mode == 'wait' and enters and waiters ~= '' then
  redis.call('APPEND', KEYS[1], line)
  return -its_ttl
end

local left = redis.call('PTTL', KEYS[1])
if waiters ~= '' then left = left - SLACK end
if left <= 0 then
  local winner, its_token, next_ttl = hand_over(reserved, reserved, enters and waiters .. line or waiters)
  if winner == id then return its_token end
  if not winner then return take_new() end
  return -next_ttl
end
if enters then
  redis.call('APPEND', KEYS[1], line)
  redis.call('PEXPIRE', KEYS[1], left + SLACK)
end
return -left
`;

/**
 * ARGV id, ttl ms
 * Reply 1 · 0 where nobody holds it · -1 where another does
 */
const EXTEND = `${WRITE}${READ}
local state = redis.call('GET', KEYS[1])
if not state then return 0 end
local holder, _, token, reserved, waiters = read(state)
if holder ~= ARGV[1] then return -1 end
write(holder, ARGV[2], token, reserved, waiters)
return 1
`;

/**
 * Ends holding as well as waiting.
 *
 * ARGV id
 * Reply 1 · 0 where nobody holds it · -1 where another does
 */
const RELEASE = `
local state = redis.call('GET', KEYS[1])
if not state then return 0 end
${WRITE}${READ}${HAND_OVER}
local holder, _, token, reserved, waiters = read(state)
if holder == ARGV[1] then
  hand_over(token, reserved, waiters)
  return 1
end
local from = string.find(waiters, ARGV[1] .. ' ', 1, true)
if not from then return -1 end
local to = string.find(waiters, '\\n', from, true)
local left = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], string.sub(state, 1, #state - #waiters) .. string.sub(waiters, 1, from - 1) .. string.sub(waiters, to + 1), 'KEEPTTL')
if from == 1 and to == #waiters then redis.call('PEXPIRE', KEYS[1], left - SLACK) end
return -1
`;

/** To keep a lock, or to end it, must not fail for want of memory. */
export const MUTEX: LockScripts = {
  take: new Script(`#!lua${TAKE}`),
  extend: new Script(`#!lua flags=allow-oom${EXTEND}`),
  release: new Script(`#!lua flags=allow-oom${RELEASE}`),
};
