import { NOW, Script } from '../redis/index.js';

/**
 * A one-time code: short, so that what guards it is how often it may be tried.
 *
 * Hash: m MAC of the code · e expires at, k life, L locked until (ms) · f wrong attempts, n how many are allowed
 *   u used at (ms) · c created at (ms) · d data (JSON)
 * It stays for another life after it expired, so that expired and used can be told from wrong.
 */
/**
 * A new code takes the place of the one before, but not of its wrong attempts: asking for new codes gains no guesses.
 *
 * KEYS code · ARGV MAC, life ms, attempts, data
 * Reply created at, or '' and until when it is locked
 */
export const CREATE_CODE = new Script<[created: number | string, lockedUntil: number | string]>(`#!lua
${NOW}
local before = redis.call('HMGET', KEYS[1], 'L', 'f', 'u')
local failures = 0
if before[1] then
  if before[1] + 0 > now then return { '', before[1] } end
elseif before[2] and not before[3] then
  failures = math.min(before[2] + 0, ARGV[3] - 1)
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'm', ARGV[1], 'k', ARGV[2], 'n', ARGV[3], 'd', ARGV[4], 'f', failures, 'c', now, 'e', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
return { now, '' }
`);

/** What became of an attempt. */
export type CodeReply =
  | [status: 'ok', data: string]
  | [status: 'wrong', attemptsLeft: number | string]
  | [status: 'locked', until: number | string]
  | [status: 'expired' | 'used' | 'unknown', nothing: ''];

/**
 * KEYS code, [request] · ARGV the code's MACs by every key, separated by spaces
 * Reply status, what it comes with; a repeat of a request gets the first one's
 */
export const VERIFY_CODE = new Script<CodeReply>(`#!lua flags=allow-oom
${NOW}
if KEYS[2] then
  local first = redis.call('GET', KEYS[2])
  if first then
    local status, with = string.match(first, '^(%a+) (.*)$')
    return { status, with }
  end
end
local function answer(status, with)
  if KEYS[2] then redis.call('SET', KEYS[2], status .. ' ' .. with, 'PX', 60000) end
  return { status, with }
end

local mac, expires, failures, allowed, locked, used, data, life = unpack(redis.call('HMGET', KEYS[1], 'm', 'e', 'f', 'n', 'L', 'u', 'd', 'k'))
if not mac then return answer('unknown', '') end
if locked and locked + 0 > now then return answer('locked', locked) end
local is_right = string.find(' ' .. ARGV[1] .. ' ', ' ' .. mac .. ' ', 1, true)
if used then return is_right and answer('used', '') or answer('wrong', '0') end
if expires + 0 <= now then return is_right and answer('expired', '') or answer('wrong', '0') end
if is_right then
  redis.call('HSET', KEYS[1], 'u', now)
  redis.call('HDEL', KEYS[1], 'd')
  return answer('ok', data)
end
failures = redis.call('HINCRBY', KEYS[1], 'f', 1)
if failures >= allowed + 0 then
  redis.call('HSET', KEYS[1], 'L', now + life)
  redis.call('PEXPIRE', KEYS[1], life, 'GT')
end
return answer('wrong', tostring(allowed - failures))
`);
