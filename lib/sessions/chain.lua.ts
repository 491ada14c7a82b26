import { evenWhenFull, GRANT, LIVE_SESSIONS, onlyWithRoom, type ReplyNumber } from './session-state.lua.js';

/** What `grant` in the scripts returns; nulls where a field is not set. */
export type GrantReply = [
  generation: ReplyNumber,
  restMs: ReplyNumber,
  authAgeMs: ReplyNumber,
  expiresMs: ReplyNumber,
  kid: string,
  identity: string,
  accessTokenTtlMs: string | null,
  claims: string | null,
  scopes: string | null,
  tenantEpoch: string | null,
  userEpoch: string,
  nowMs: ReplyNumber,
];

/** What CREATE returns. */
export type CreateReply =
  | ['ok', expiresMs: ReplyNumber, userEpoch: string, nowMs: ReplyNumber]
  | ['limit']
  | ['epoch', later: string]
  | ['repeat', answer: string, grant: GrantReply | null];

/**
 * Sign-in, limit and index in one step.
 *
 * KEYS record, index, [request]
 * ARGV identity, secret hash, 'idle absolute window limit policy' (ms; limit 0 for none), tenant epoch or '',
 *      answer to a repeat of the request or '', how long it is kept (ms), the user's epoch as far as the caller knows,
 *      then fields of the record: name, value …
 * Reply {'ok', expiry, user epoch, now (ms)} · {'limit'} · {'epoch', later one that the index knows} · {'repeat', answer, grant() or nil}
 */
export const CREATE = onlyWithRoom<CreateReply>(
  GRANT,
  LIVE_SESSIONS,
  `
local index, request = KEYS[2], KEYS[3]
if request then
  local answer = redis.call('GET', request)
  if answer then
    local first = find(string.match(answer, '^[^.]+'))
    return { 'repeat', answer, first and not first.ended and grant(first) }
  end
end
local idle, absolute, window, limit, policy = string.match(ARGV[3], '^(%d+) (%d+) (%d+) (%d+) (%S*)$')
local s = { rest = TAIL, key = KEYS[1], identity = ARGV[1], seen = now_us, idle = idle + 0, absolute = now + absolute, window = window + 0 }
-- the very same call again, because its reply was lost on the way: it has been done
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'ok', math.min(now + s.idle, s.absolute), user_epoch(index, s.window), now } end

-- so that the index of a user who signs in and is never looked at does not grow; and a foreign key in its place is an
-- error before the first write
notice_expired(index, 2)

local epoch = ARGV[4]
if epoch ~= '' then
  local last = redis.call('ZSCORE', index, 't')
  if last and tonumber(last) > tonumber(epoch) then return { 'epoch', last } end
  if last ~= epoch then
    for _, old in ipairs(live_sessions(index)) do
      finish(old, 'r')
      tell('revoked', old.rest, old.identity, 'tenant revoked')
    end
    redis.call('ZADD', index, epoch, 't')
  end
end

-- one that was raised and then lost in a failover
if tonumber(ARGV[7]) > tonumber(user_epoch(index, s.window)) then
  for _, old in ipairs(live_sessions(index)) do
    finish(old, 'r')
    tell('revoked', old.rest, old.identity, 'revoke-all')
  end
  redis.call('ZADD', index, ARGV[7], 'u')
end

limit = limit + 0
if limit > 0 and redis.call('ZCOUNT', index, '(' .. now, BEYOND_EXPIRIES) >= limit then
  local live = live_sessions(index)
  if #live >= limit then
    if policy == 'reject' then return { 'limit' } end
    sort_by(policy == 'evict-idle' and 'seen' or 'created', live)
    for n = 1, #live - limit + 1 do
      finish(live[n], 'e')
      announce_end(live[n])
      tell('evicted', live[n].rest, live[n].identity)
    end
  end
end

redis.call('HSET', KEYS[1], 'u', ARGV[1], 'h', ARGV[2], 'g', 1, 'c', now_us, 'i', idle, 'a', absolute, 'w', window)
for n = 8, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1])
  if ARGV[n] == 'n' then s.marked = true end
end
keep(s)
if request then redis.call('SET', request, ARGV[5], 'PX', ARGV[6]) end
tell('created', TAIL, s.identity)
return { 'ok', s.expires, user_epoch(index, s.window), now }
`,
);

/**
 * A tenant's epoch lies in another slot and is compared after the script has acted. Where the caller knows of its end
 * from the feed, the session ends for that before anything else is done or told. `known`: the epoch, or ''.
 */
const END_WITH_TENANT = `
local function end_with_tenant(s, known)
  if not s or s.ended or known == '' then return end
  local epoch = tenant_epoch(s)
  if not epoch or tonumber(epoch) >= tonumber(known) then return end
  finish(s, 'r')
  tell('revoked', s.rest, s.identity, 'tenant revoked')
end
`;

/**
 * Rotation: compare, replace, extend.
 *
 * KEYS record   ARGV secret hash, generation presented, leeway ms, kid of the caller, window ms, claims or '',
 *                    bytes that an access token has for claims, scopes and identity, tenant epoch the caller knows or ''
 * Reply grant() with the generation and kid to mint · how it ended, or '' · {'reused' | 'large' claims, tenant epoch}
 */
export const REFRESH = evenWhenFull<GrantReply | string | ['reused' | 'large', tenantEpoch: string | null]>(
  GRANT,
  END_WITH_TENANT,
  `
local s = find(TAIL)
if not s or s.hash ~= ARGV[1] then return '' end
end_with_tenant(s, ARGV[8])
if s.ended then return s.ended end
-- an identity takes at most twice as many bytes in JSON as it does here
if ARGV[6] ~= '' and #ARGV[6] + #(s.scopes or '') + 2 * #s.identity > tonumber(ARGV[7]) then return { 'large', tenant_epoch(s) } end
local presented, current = tonumber(ARGV[2]), tonumber(s.generation)
if presented < current - 1 or (presented == current - 1 and ms(now_us - s.created - s.rotated) >= tonumber(ARGV[3])) then
  local epoch = tenant_epoch(s)
  finish(s, 'u')
  announce_end(s)
  tell('reuse-detected', TAIL, s.identity, nil, ARGV[2] .. ' ' .. s.generation)
  return { 'reused', epoch }
end
if presented >= current then
  -- beyond the current one only after a failover lost a rotation: the token is genuine, so it is the newest there is
  s.generation = presented + 1
  redis.call('HSET', KEYS[1], 'g', s.generation, 'r', now_us - s.created)
  if ARGV[4] ~= s.kid then
    s.kid = ARGV[4]
    if s.kid == '' then redis.call('HDEL', KEYS[1], 'k') else redis.call('HSET', KEYS[1], 'k', s.kid) end
  end
  widen(s, ARGV[5])
  s.seen = now_us
  keep(s)
  tell('refreshed', TAIL, s.identity)
end
if ARGV[6] ~= '' then
  s.claims = ARGV[6]
  redis.call('HSET', KEYS[1], 'C', s.claims)
end
return grant(s)
`,
);

/**
 * A new id and chain; the old id becomes a tombstone.
 *
 * KEYS old record, new record   ARGV rest of the new id, secret hash, kid, window ms, tenant epoch the caller knows or ''
 * Reply grant() or nil
 */
export const REGENERATE = onlyWithRoom<GrantReply | null>(
  GRANT,
  END_WITH_TENANT,
  `
local again = find(ARGV[1])
if again then return not again.ended and grant(again) end
local s = find(TAIL)
end_with_tenant(s, ARGV[5])
if not s or s.ended then return false end
redis.call('COPY', KEYS[1], KEYS[2])
finish(s, 'o')
announce_end(s)
local fresh = load(ARGV[1])
begin_chain(fresh, ARGV[2], ARGV[3], ARGV[4])
tell('revoked', TAIL, s.identity, 'regenerated')
tell('created', fresh.rest, s.identity)
return grant(fresh)
`,
);

/**
 * A new chain and authentication time under the same id.
 *
 * KEYS record   ARGV secret hash, kid, window ms, tenant epoch the caller knows or ''   Reply grant() or nil
 */
export const REAUTHENTICATE = evenWhenFull<GrantReply | null>(
  GRANT,
  END_WITH_TENANT,
  `
local s = find(TAIL)
end_with_tenant(s, ARGV[4])
if not s or s.ended then return false end
if s.hash ~= ARGV[1] then
  s.authenticated = now_us
  redis.call('HSET', KEYS[1], 'A', now_us - s.created)
  begin_chain(s, ARGV[1], ARGV[2], ARGV[3])
end
return grant(s)
`,
);
