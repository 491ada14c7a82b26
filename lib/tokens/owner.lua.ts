import { RANK_AFTER } from '../redis/index.js';
import { evenWhenFull, INDEX, readOnly } from './token-state.lua.js';

/**
 * One page of an index, the soonest expiry first, or as much of it as does not keep Redis long; what has expired or was
 * evicted is forgotten on the way.
 *
 * KEYS index
 * ARGV scope, owner, most, expiry and rest of the id after which it begins ('' both from the start)
 * Reply rest, record, rest, record …, and as the last element the expiry and rest to go on from, or ''
 */
export const LIST = evenWhenFull<string[]>(
  INDEX,
  `
local index, most = KEYS[1], ARGV[3] + 0
prune(index, 1000)

${RANK_AFTER}local from = 0
if ARGV[5] ~= '' then from = rank_after(index, tonumber(ARGV[4]), ARGV[5]) end
local entries = redis.call('ZRANGE', index, from, from + most - 1, 'WITHSCORES')
local reply, next_place, bytes = {}, '', 0
if #entries == 2 * most then next_place = entries[#entries] .. ' ' .. entries[#entries - 1] end
for n = 1, #entries, 2 do
  local rest = entries[n]
  local value = redis.call('GET', key_of('k', rest))
  if value then
    reply[#reply + 1] = rest
    reply[#reply + 1] = value
    bytes = bytes + #value
    if bytes > 500000 then
      next_place = entries[n + 1] .. ' ' .. rest
      break
    end
  else
    redis.call('ZREM', index, rest)
  end
end
settle(ARGV[2])
reply[#reply + 1] = next_place
return reply
`,
);

/**
 * KEYS index · ARGV scope
 * Reply how many tokens are live
 */
export const COUNT = readOnly<number | string>(`
return redis.call('ZCOUNT', KEYS[1], integer(now), '+inf')
`);

/**
 * Ends every token of an owner, or of one of its types, at once, by taking their indexes away; where there are very many
 * types a hundred at a time, so that Redis is not kept long. The records are cleared away a slice at a time. Where an
 * earlier call was broken off before all was cleared, its rest comes first: 'end' is to be repeated while the reply says
 * so, then 'clear', which spares tokens stored since.
 *
 * KEYS registry
 * ARGV scope (the type is empty for all), owner, most records to clear away, 'end' or 'clear'
 * Reply how many were ended; what is left to do: 'end', 'clear' or ''; for each custom token among the cleared its
 *   pointer and its rest
 */
export const DELETE_ALL = evenWhenFull<[ended: number | string, left: 'end' | 'clear' | '', ...pointers: string[]]>(
  INDEX,
  `
local owner, left, types_left = ARGV[2], ARGV[3] + 0, 100
local CUSTOM_LENGTH = 23
local types = TYPE == '' and redis.call('ZRANGE', KEYS[1], 0, -1) or { TYPE }
local reply, ended, to_do = {}, 0, ''

-- whether nothing is left of it
local function clear(type)
  local condemned = condemned_of(owner, type)
  local rests = redis.call('ZRANGE', condemned, 0, left - 1)
  if #rests == 0 then return true end
  left = left - #rests
  local records = {}
  local index = index_of(owner, type)
  local is_used = redis.call('EXISTS', index) == 1
  for _, rest in ipairs(rests) do
    -- the same token may have been stored again meanwhile
    if not (is_used and redis.call('ZSCORE', index, rest)) then
      local record = key_of('k', rest)
      records[#records + 1] = record
      if #rest == CUSTOM_LENGTH then
        local value = redis.call('GET', record)
        if value then
          reply[#reply + 1] = string.match(value, '^%[%d+,%d+,"[^"]*","([^"]*)"')
          reply[#reply + 1] = rest
        end
      end
    end
  end
  if #records > 0 then redis.call('DEL', unpack(records)) end
  redis.call('ZREM', condemned, unpack(rests))
  return redis.call('EXISTS', condemned) == 0
end

-- false while the rest of an earlier deletion stands in the way
local function condemn(type)
  local index, condemned = index_of(owner, type), condemned_of(owner, type)
  if redis.call('EXISTS', condemned) == 1 then return false end
  ended = ended + redis.call('ZCOUNT', index, integer(now), '+inf')
  redis.call('RENAME', index, condemned)
  return true
end

for _, type in ipairs(types) do
  local is_late = ARGV[4] == 'end' and redis.call('EXISTS', index_of(owner, type)) == 1
  if is_late then
    if types_left == 0 then
      to_do = 'end'
      break
    end
    types_left = types_left - 1
    is_late = not condemn(type)
  end
  local is_clear = left > 0 and clear(type)
  if is_late and is_clear then
    is_late = not condemn(type)
    is_clear = false
  end
  if is_late then
    to_do = 'end'
  elseif is_clear then
    local last = last_of(index_of(owner, type))
    if last then redis.call('ZADD', KEYS[1], last, type) else redis.call('ZREM', KEYS[1], type) end
  elseif to_do == '' then
    to_do = 'clear'
  end
end
live_until(KEYS[1], last_of(KEYS[1]))
table.insert(reply, 1, ended)
table.insert(reply, 2, to_do)
return reply
`,
);
