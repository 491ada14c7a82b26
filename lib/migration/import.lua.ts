import { INDEX, onlyWithRoom } from '../tokens/index.js';

/**
 * Stores tokens of one owner and type as they were elsewhere, but for those that are there already, which stay as they are.
 *
 * KEYS index
 * ARGV scope, owner, then for each token: rest of its id, created ms or '' for now, expires ms or 0 for never, pointer, members
 * Reply for each token 'expired' · 'taken' by a token of another type, or by another custom one · 'present' or 'imported', and the rest of its life in
 *   ms, nothing for never
 */
export const IMPORT = onlyWithRoom<string[]>(
  INDEX,
  `
local owner, reply, stored = ARGV[2], {}, false

local function is_taken(rest)
  for _, type in ipairs(redis.call('ZRANGE', types_of(owner), 0, -1)) do
    if redis.call('ZSCORE', index_of(owner, type), rest) then return true end
  end
  return false
end

local function with_life(outcome, expires)
  return expires == 0 and outcome or outcome .. ' ' .. integer(expires - now)
end

local function import(rest, created, expires, pointer, members)
  if expires ~= 0 and expires <= now then return 'expired' end
  local key = key_of('k', rest)
  local value = redis.call('GET', key)
  if value then
    if redis.call('ZSCORE', KEYS[1], rest) then
      local until_ms, custom = string.match(value, '^%[%d+,(%d+),"[^"]*","([^"]*)"')
      return custom == pointer and with_life('present', until_ms + 0) or 'taken'
    end
    if is_taken(rest) then return 'taken' end
  end
  if created == '' then created = integer(now) end
  value = '[' .. created .. ',' .. integer(expires) .. ',"' .. owner .. '","' .. pointer .. '",{' .. members .. '\\n}]'
  if expires == 0 then redis.call('SET', key, value) else redis.call('SET', key, value, 'PXAT', integer(expires)) end
  redis.call('ZADD', KEYS[1], expires == 0 and '+inf' or integer(expires), rest)
  stored = true
  return with_life('imported', expires)
end

for n = 3, #ARGV, 5 do reply[#reply + 1] = import(ARGV[n], ARGV[n + 1], ARGV[n + 2] + 0, ARGV[n + 3], ARGV[n + 4]) end
if stored then
  prune(KEYS[1], 100)
  settle(owner)
end
return reply
`,
);
