import { evenWhenFull, onlyWithRoom } from './session-state.lua.js';

/** What `grant` in the scripts returns after its status; nulls where a field is not set. */
export type GrantReply = [
  status: string,
  generation: string,
  kid: string | null,
  claims: string | null,
  scopes: string | null,
  accessTokenTtlMs: string | null,
  restMs: number,
  authAgeMs: number,
  expiresMs: number,
  tenantEpoch: string | null,
  identity: string,
];

/**
 * Sign-in, limit and index in one step.
 *
 * KEYS record, index, [request]
 * ARGV identity, secret hash, kid, idle ms, absolute ms, window ms, access-token ms or '', claims, scopes, device
 *      (each or ''), limit (0 none), policy, tenant epoch or '', marker ('1' or ''), request answer or '', request ms,
 *      then data: field, value …
 * Reply grant('ok') · {'limit'} · {'epoch', later one that the index knows} · {'repeat', answer, grant or false}
 */
export const CREATE = onlyWithRoom<GrantReply | ['limit'] | ['epoch', string] | ['repeat', string, GrantReply | null]>(`
local index, request = KEYS[2], KEYS[3]
if request then
  local answer = redis.call('GET', request)
  if answer then
    local first = find(string.match(answer, '^[^.]+'))
    return { 'repeat', answer, first and not first.ended and grant('ok', first) }
  end
end
local known = load(TAIL)
if known then
  -- the very same call again: its first reply was lost on the way
  if known.ended or known.hash ~= ARGV[2] then return redis.error_reply('ERR session id taken') end
  return grant('ok', known)
end

local epoch = ARGV[13]
if epoch ~= '' then
  local last = redis.call('ZSCORE', index, 't')
  if last and tonumber(last) > tonumber(epoch) then return { 'epoch', last } end
  if last ~= epoch then
    for _, s in ipairs(live_sessions(index)) do
      finish(s, 'r')
      tell('revoked', s.rest, s.identity, nil, nil, 'tenant revoked')
    end
    redis.call('ZADD', index, epoch, 't')
  end
end

local limit, policy = tonumber(ARGV[11]), ARGV[12]
if limit > 0 and redis.call('ZCOUNT', index, '(' .. now, BEYOND_EXPIRIES) >= limit then
  local live = live_sessions(index)
  if #live >= limit then
    if policy == 'reject' then return { 'limit' } end
    local by = policy == 'evict-idle' and 'seen' or 'created'
    table.sort(live, function(one, other)
      if one[by] == other[by] then return one.rest < other.rest end
      return one[by] < other[by]
    end)
    for n = 1, #live - limit + 1 do
      finish(live[n], 'e')
      tell('evicted', live[n].rest, live[n].identity)
    end
  end
end

local fields = { 'u', ARGV[1], 'h', ARGV[2], 'g', 1, 'c', now_us, 'i', ARGV[4], 'a', ARGV[5], 'w', ARGV[6] }
local function set(name, value)
  if value ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
set('k', ARGV[3]) set('t', ARGV[7]) set('C', ARGV[8]) set('S', ARGV[9]) set('D', ARGV[10]) set('n', ARGV[14])
redis.call('HSET', KEYS[1], unpack(fields))
for n = 17, #ARGV, 2 do redis.call('HSET', KEYS[1], '.' .. ARGV[n], ARGV[n + 1]) end
local s = load(TAIL)
keep(s)
if request then redis.call('SET', request, ARGV[15], 'PX', ARGV[16]) end
tell('created', TAIL, s.identity)
return grant('ok', s)
`);

/**
 * Rotation: compare, replace, extend.
 *
 * KEYS record   ARGV secret hash, generation presented, leeway ms, kid of the caller, window ms, claims or ''
 * Reply grant('ok') with the generation and kid to mint · {how it ended | ''} · {'reused', current generation}
 */
export const REFRESH = evenWhenFull<GrantReply | ['reused', string] | [state: string]>(`
local s = find(TAIL)
if not s or s.hash ~= ARGV[1] then return { '' } end
if s.ended then return { s.ended } end
local presented = tonumber(ARGV[2])
local v = redis.call('HMGET', KEYS[1], 'g', 'k')
local current, kid = tonumber(v[1]), v[2] or ''
if presented < current - 1 or (presented == current - 1 and ms(now_us - s.created - s.rotated) >= tonumber(ARGV[3])) then
  finish(s, 'u')
  tell('reuse-detected', TAIL, s.identity, ARGV[2], tostring(current))
  return { 'reused', tostring(current) }
end
if presented >= current then
  -- beyond the current one only after a failover lost a rotation: the token is genuine, so it is the newest there is
  redis.call('HSET', KEYS[1], 'g', presented + 1, 'r', now_us - s.created)
  if ARGV[4] ~= kid then set_kid(KEYS[1], ARGV[4]) end
  if tonumber(ARGV[5]) > s.window then
    s.window = tonumber(ARGV[5])
    redis.call('HSET', KEYS[1], 'w', s.window)
  end
  s.seen = now_us
  keep(s)
  tell('refreshed', TAIL, s.identity)
end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'C', ARGV[6]) end
return grant('ok', s)
`);

/**
 * A new id and chain; the old id becomes a tombstone.
 *
 * KEYS old record, new record   ARGV rest of the new id, secret hash, kid   Reply grant('ok') or nil
 */
export const REGENERATE = onlyWithRoom<GrantReply | null>(`
local again = load(ARGV[1])
if again then
  if again.ended or again.hash ~= ARGV[2] then return false end
  return grant('ok', again)
end
local s = find(TAIL)
if not s or s.ended then return false end
redis.call('COPY', KEYS[1], KEYS[2])
finish(s, 'o')
redis.call('HSET', KEYS[2], 'h', ARGV[2], 'g', 1, 'l', now_us - s.created)
set_kid(KEYS[2], ARGV[3])
local fresh = load(ARGV[1])
keep(fresh)
tell('revoked', TAIL, s.identity, nil, nil, 'regenerated')
tell('created', ARGV[1], s.identity)
return grant('ok', fresh)
`);

/** A new chain and authentication time under the same id.   KEYS record   ARGV secret hash, kid   Reply grant('ok') or nil */
export const REAUTHENTICATE = evenWhenFull<GrantReply | null>(`
local s = find(TAIL)
if not s or s.ended then return false end
if s.hash ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'h', ARGV[1], 'g', 1, 'l', now_us - s.created, 'A', now_us - s.created)
  set_kid(KEYS[1], ARGV[2])
  s.seen = now_us
  keep(s)
end
return grant('ok', s)
`);
