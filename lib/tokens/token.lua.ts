import { evenWhenFull, INDEX, onlyWithRoom, readOnly } from './token-state.lua.js';

/**
 * KEYS record, [request]
 * ARGV scope, owner, ttl ms or '', pointer, members of the data, [what a repeat needs besides the record]
 * Reply 'ok', record · 'repeat', what the first of these requests stored
 */
export const CREATE = onlyWithRoom<['ok' | 'repeat', string]>(
  INDEX,
  `
local function enter(owner, expires)
  local index = index_of(owner, TYPE)
  local is_registered = redis.call('ZSCORE', types_of(owner), TYPE)
  local known_until = redis.call('PEXPIRETIME', index)
  prune(index, 16)
  redis.call('ZADD', index, expires == 0 and '+inf' or integer(expires), REST)
  local is_covered = known_until == -1 or (expires ~= 0 and known_until >= expires)
  if not (is_covered and is_registered) then settle(owner) end
end

if KEYS[2] then
  local first = redis.call('GET', KEYS[2])
  if first then return { 'repeat', first } end
end
local owner, expires = ARGV[2], expiry_after(ARGV[3])
local value = '[' .. integer(now) .. ',' .. integer(expires) .. ',"' .. owner .. '","' .. ARGV[4] .. '",{' .. ARGV[5] .. '\\n}]'
enter(owner, expires)
store(value, expires)
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[6] .. '\\n' .. value, 'PX', 60000) end
return { 'ok', value }
`,
);

/**
 * KEYS record · ARGV scope
 * Reply the record, or nil
 */
export const GET = readOnly<string | null>(`
return (find())
`);

/**
 * KEYS record
 * ARGV scope, most bytes of data, the record that is expected or '', then name, JSON … ('' deletes); names in quotes, as in JSON
 * Reply the record as it is now · 'large' · 'changed' · nil
 */
export const UPDATE = onlyWithRoom<string | null>(`
local value = find()
if not value then return nil end
if ARGV[3] ~= '' and ARGV[3] ~= value then return 'changed' end

local function name_of(member)
  local from = 2
  while true do
    local at = string.find(member, '["\\\\]', from)
    if string.byte(member, at) == 34 then return string.sub(member, 1, at) end
    from = at + 2
  end
end

local change, order = {}, {}
for n = 4, #ARGV, 2 do
  change[ARGV[n]] = ARGV[n + 1]
  order[#order + 1] = ARGV[n]
end

local line_end = string.find(value, '\\n', 1, true)
local members, bytes = {}, 1
local function keep(member)
  members[#members + 1] = '\\n' .. member
  bytes = bytes + #member + 1
end
for member in string.gmatch(string.sub(value, line_end + 1, -4) .. ',\\n', '(.-),\\n') do
  if member ~= '' then
    local name = name_of(member)
    local json = change[name]
    change[name] = nil
    if not json then keep(member) elseif json ~= '' then keep(name .. ':' .. json) end
  end
end
for _, name in ipairs(order) do
  local json = change[name]
  change[name] = nil
  if json and json ~= '' then keep(name .. ':' .. json) end
end
if bytes > ARGV[2] + 0 then return 'large' end

value = string.sub(value, 1, line_end - 1) .. table.concat(members, ',') .. '\\n}]'
redis.call('SET', KEYS[1], value, 'KEEPTTL')
return value
`);

/**
 * KEYS record · ARGV scope, ttl ms or ''
 * Reply 1, or 0 for a token that is not live
 */
export const REFRESH = evenWhenFull<number | string>(
  INDEX,
  `
local value, owner = find()
if not value then return 0 end
local expires = expiry_after(ARGV[2])
local created, rest = string.match(value, '^%[(%d+),%d+,(.*)$')
store('[' .. created .. ',' .. integer(expires) .. ',' .. rest, expires)
redis.call('ZADD', index_of(owner, TYPE), expires == 0 and '+inf' or integer(expires), REST)
settle(owner)
return 1
`,
);

/**
 * KEYS record, [request] · ARGV scope, [whose it has to be]
 * Reply the record that was, or nil; the answer to that request is gone, too
 */
export const DELETE = evenWhenFull<string | null>(
  INDEX,
  `
local value, owner = find()
if value and ARGV[2] and ARGV[2] ~= owner then return nil end
if value then finish(owner) end
if KEYS[2] then redis.call('DEL', KEYS[2]) end
return value
`,
);

/**
 * KEYS record, [request] · ARGV scope
 * Reply the record that was, for the first of all and for a repeat of that request; or nil
 */
export const CONSUME = evenWhenFull<string | null>(
  INDEX,
  `
local value, owner = find()
if value then
  finish(owner)
  if KEYS[2] then redis.call('SET', KEYS[2], value, 'PX', 60000) end
  return value
end
if KEYS[2] then return redis.call('GET', KEYS[2]) end
return nil
`,
);
