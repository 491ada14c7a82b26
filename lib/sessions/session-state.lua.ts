import { Script } from '../redis/index.js';

/** A number in a reply; text where the client is set to give numbers so. */
export type ReplyNumber = number | string;

/**
 * What the session scripts share: the state machine of one session.
 *
 * A session is live when its record exists without `z`, its identity's index names it, and its expiry by the
 * server's clock is ahead. It ends once: the record becomes a tombstone, the index forgets it, one event is told.
 *
 * Record (hash), short names because there is one per session:
 *   u identity · h hash of the chain's secret · g generation · k kid that MACs it · c created at (µs, so that
 *   sign-ins have an order) · r rotated at, l touched at, A authenticated at (µs after c) · i idle timeout,
 *   a absolute timeout, w tombstone window, t own access-token lifetime (ms) · v version of the data
 *   n has a marker · C claims, D device (JSON) · S scopes · .x the data's key x (JSON) · z how it ended
 * Tombstone (hash): u, h, z
 *   z: r revoked · o logged out · e evicted · x expired · u refresh token reused
 *   j ids of single access tokens that were revoked, each with when it may be forgotten (ms)
 * Index (zset): <rest of the session id> → expiry (ms) · 't' → tenant epoch, 'u' → user's epoch (µs at first, so above
 *   every expiry) · text of a revocation → DUE: the feed has yet to be told it, by whoever comes here next
 */
const CORE = `
local CHANNEL = table.remove(ARGV, 1)
local HEAD, TAG, TAIL = string.match(KEYS[1], '^([^{]*)[su]:{(......)}(.*)$')
local BEYOND_EXPIRIES = '(1000000000000000'
local DUE = 9000000000000000

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now = math.floor(now_us / 1000)
local function ms(us) return math.floor(us / 1000) end

local touched
local function index_key(identity)
  touched = HEAD .. 'u:{' .. TAG .. '}' .. identity
  return touched
end
local function marker_key(rest) return HEAD .. 'x:{' .. TAG .. '}' .. rest end

-- an event may be lost: a user that may not publish must not fail half-way for it
local function tell(event, rest, identity, reason, generations)
  redis.pcall('PUBLISH', CHANNEL,
    event .. ' ' .. TAG .. rest .. ' ' .. identity .. ' ' .. now .. ' ' .. (generations or '- -') .. ' ' .. (reason or ''))
end

local function load(rest)
  local key = HEAD .. 's:{' .. TAG .. '}' .. rest
  local identity, ended, hash, window, created, idle, absolute, rotated, touched, marked, generation, kid, claims, scopes, ttl, authenticated =
    unpack(redis.call('HMGET', key, 'u', 'z', 'h', 'w', 'c', 'i', 'a', 'r', 'l', 'n', 'g', 'k', 'C', 'S', 't', 'A'))
  if not identity then return nil end
  if ended then return { rest = rest, key = key, identity = identity, ended = ended, hash = hash } end
  created, idle, rotated = created + 0, idle + 0, (rotated or 0) + 0
  local seen = created + math.max(rotated, (touched or 0) + 0)
  absolute = ms(created) + absolute
  return {
    rest = rest, key = key, identity = identity, ended = false, hash = hash, window = window + 0, marked = marked,
    created = created, idle = idle, absolute = absolute, rotated = rotated, seen = seen, expires = math.min(ms(seen) + idle, absolute),
    generation = generation, kid = kid or '', ttl = ttl, claims = claims, scopes = scopes, authenticated = created + (authenticated or 0)
  }
end

-- the index is what epochs lie in: as long as a token may live that they concern
local function stay(index, window)
  if redis.call('PTTL', index) < window then redis.call('PEXPIRE', index, window) end
end

local function finish(s, how, ttl)
  local index = index_key(s.identity)
  redis.call('ZREM', index, s.rest)
  -- nothing but epochs is left
  if redis.call('ZCOUNT', index, '-inf', BEYOND_EXPIRIES) == 0 then redis.call('PEXPIRE', index, s.window) end
  redis.call('DEL', s.key)
  redis.call('HSET', s.key, 'u', s.identity, 'h', s.hash, 'z', how)
  redis.call('PEXPIRE', s.key, ttl or s.window)
  if s.marked then redis.call('DEL', marker_key(s.rest)) end
  s.ended = how
end

local function expire(s)
  finish(s, 'x', math.max(1, s.expires + s.window - now))
  tell('expired', s.rest, s.identity)
end

-- nil: unknown, or no longer in its index; otherwise a session whose .ended says whether it is live
local function find(rest)
  local s = load(rest)
  if not s then return nil end
  local index = index_key(s.identity)
  if s.ended then return s end
  if s.expires <= now then
    expire(s)
  elseif not redis.call('ZSCORE', index, rest) then
    return nil
  end
  return s
end

-- after a change of what the expiry depends on
local function keep(s)
  s.expires = math.min(ms(s.seen) + s.idle, s.absolute)
  local index, left = index_key(s.identity), s.expires - now
  redis.call('ZADD', index, s.expires, s.rest)
  redis.call('PEXPIRE', s.key, left + s.window)
  -- as long as verify may ask how the session ended, and some more, so that it need not be done each time
  if redis.call('PTTL', index) < left + s.window then
    redis.call('PEXPIRE', index, left + s.window + math.floor(left / 8))
  end
  if s.marked then redis.call('SET', marker_key(s.rest), '', 'PX', left) end
end

-- told to every instance before the caller is told that it is done
local function announce(index, text, window)
  touched = index
  redis.call('ZADD', index, DUE, text)
  stay(index, window)
end

local function announce_end(s)
  announce(index_key(s.identity), 's ' .. s.ended .. ' ' .. TAG .. s.rest, s.window)
end

-- missing, it begins anew above every one there was
local function user_epoch(index, window)
  local epoch = redis.call('ZSCORE', index, 'u')
  if epoch then return epoch end
  redis.call('ZADD', index, now_us, 'u')
  stay(index, window)
  return string.format('%.0f', now_us)
end

local function tenant_epoch(s)
  if not string.find(s.identity, ':', 1, true) then return false end
  return redis.call('ZSCORE', index_key(s.identity), 't')
end
`;

/** A session as Node needs it to issue tokens. */
export const GRANT = `
local function grant(s)
  return { s.generation, s.expires - now, ms(now_us - s.authenticated), s.expires, s.kid, s.identity, s.ttl, s.claims, s.scopes,
    tenant_epoch(s), user_epoch(index_key(s.identity), s.window), now }
end

-- a tombstone has to outlive every access token of its session, whichever instance issued it
local function widen(s, window)
  if window + 0 <= s.window then return end
  s.window = window + 0
  redis.call('HSET', s.key, 'w', window)
end

-- a new chain of refresh tokens; the default kid is not worth its bytes
local function begin_chain(s, hash, kid, window)
  redis.call('HSET', s.key, 'h', hash, 'g', 1, 'l', now_us - s.created)
  widen(s, window)
  if kid == '' then redis.call('HDEL', s.key, 'k') else redis.call('HSET', s.key, 'k', kid) end
  s.hash, s.generation, s.kid, s.seen = hash, 1, kid, now_us
  keep(s)
end
`;

/** The live sessions of an index; what has expired meanwhile is noticed and forgotten, a bounded number at a time. */
export const LIVE_SESSIONS = `
local function notice_expired(index, most)
  for _, rest in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, most)) do
    local s = load(rest)
    if s and not s.ended then expire(s) else redis.call('ZREM', index, rest) end
  end
end

local function live_sessions(index)
  touched = index
  notice_expired(index, 256)
  local sessions = {}
  for _, rest in ipairs(redis.call('ZRANGEBYSCORE', index, '(' .. now, BEYOND_EXPIRIES)) do
    local s = load(rest)
    if s and not s.ended then sessions[#sessions + 1] = s else redis.call('ZREM', index, rest) end
  end
  return sessions
end

local function sort_by(what, sessions)
  table.sort(sessions, function(one, other)
    if one[what] == other[what] then return one.rest < other.rest end
    return one[what] < other[what]
  end)
end
`;

/** The private data of a record, as field, value, field, value … */
export const DATA = `
local function data_of(key)
  local all, data = redis.call('HGETALL', key), {}
  for n = 1, #all, 2 do
    if string.sub(all[n], 1, 1) == '.' then
      data[#data + 1] = string.sub(all[n], 2)
      data[#data + 1] = all[n + 1]
    end
  end
  return data
end
`;

/** What Node needs for a SessionInfo. */
export const DESCRIBE = `${DATA}
local function describe(s, with_data)
  local v = redis.call('HMGET', s.key, 'v', 'D')
  return { s.rest, s.identity, ms(s.created), ms(s.seen), ms(s.authenticated), s.expires, s.absolute,
    s.generation, v[1] or 0, s.scopes, v[2], with_data and data_of(s.key) or {}, tenant_epoch(s) }
end
`;

/** What an acting script replies: beside its own reply what the feed has yet to be told, and the index that says so. */
export type Acted<Reply> = [reply: Reply] | [reply: Reply, index: string, due: string[]];

/** The last part is what the script does, the others are what it uses. */
function acting<Reply>(flags: string, parts: readonly string[]): Script<Acted<Reply>> {
  return new Script(`#!lua${flags}
${CORE}${parts.slice(0, -1).join('')}
local function act()
${parts.at(-1)!}
end
local reply = act() or false
local due = touched and redis.call('ZRANGEBYSCORE', touched, DUE, '+inf')
if due and due[1] then return { reply, touched, due } end
return { reply }
`);
}

/** Goes on when Redis is full: a log-out must not fail for want of memory. */
export const evenWhenFull = <Reply>(...parts: string[]) => acting<Reply>(' flags=allow-oom', parts);
/** Refused as a whole when Redis is full, before its first write. */
export const onlyWithRoom = <Reply>(...parts: string[]) => acting<Reply>('', parts);
/** Reads only. */
export const readOnly = <Reply>(...parts: string[]) => new Script<Reply>(`#!lua flags=no-writes\n${parts.join('')}`);
