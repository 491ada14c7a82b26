import { NOW } from '../redis/index.js';
import { DATA, DESCRIBE, evenWhenFull, LIVE_SESSIONS, onlyWithRoom, readOnly, type ReplyNumber } from './session-state.lua.js';

/** What `describe` in the scripts returns. */
export type SessionReply = [
  rest: string,
  identity: string,
  createdMs: ReplyNumber,
  seenMs: ReplyNumber,
  authMs: ReplyNumber,
  expiresMs: ReplyNumber,
  absoluteMs: ReplyNumber,
  generation: string,
  version: ReplyNumber,
  scopes: string | null,
  device: string | null,
  data: string[],
  tenantEpoch: string | null,
];

/** Why UPDATE wrote nothing: another version, or more bytes than allowed. */
export type UpdateRefusal = ['conflict' | 'large', ReplyNumber, tenantEpoch: string | null];

/** How a session stands: 'live'; how it ended, '' unknown; live with its tenant's epoch, and with data where asked for. */
export type VerifyReply = string | [tenantEpoch: string | null, data?: string[]];

/**
 * Whether a session is live, for its identity; writes nothing.
 *
 * KEYS record, index   ARGV rest of the id, '1' for data or '', id of the token
 * Reply 'live' · {tenant epoch, data} live with a tenant or data · how it ended · '' unknown
 */
export const VERIFY = readOnly<VerifyReply>(
  DATA,
  `
local rest = ARGV[1]
local expires = redis.call('ZSCORE', KEYS[2], rest)
if not expires then
  local v = redis.call('HMGET', KEYS[1], 'u', 'z')
  return v[1] == string.match(KEYS[2], '^[^{]*u:{......}(.*)$') and v[2] or ''
end
${NOW}if tonumber(expires) <= now then return 'x' end
local v = redis.call('HMGET', KEYS[1], 'u', 'j')
if not v[1] then return '' end
if v[2] and string.find(' ' .. v[2], ' ' .. ARGV[3] .. ' ', 1, true) then return 'r' end
local epoch = #rest > 22 and redis.call('ZSCORE', KEYS[2], 't')
if ARGV[2] ~= '' then return { epoch, data_of(KEYS[1]) } end
return epoch and { epoch } or 'live'
`,
);

/** KEYS record   ARGV '1' for data or ''   Reply describe() or nil */
export const GET = evenWhenFull<SessionReply | null>(
  DESCRIBE,
  `
local s = find(TAIL)
return s and not s.ended and describe(s, ARGV[1] == '1')
`,
);

/** KEYS index   ARGV '1' for data or ''   Reply describe() of each live session, earliest sign-in first */
export const LIST = evenWhenFull<SessionReply[]>(
  LIVE_SESSIONS,
  DESCRIBE,
  `
local live = live_sessions(KEYS[1])
sort_by('created', live)
local replies = {}
for n, s in ipairs(live) do replies[n] = describe(s, ARGV[1] == '1') end
return replies
`,
);

/** KEYS index   Reply {number of live sessions, tenant epoch} */
export const COUNT = evenWhenFull<[live: ReplyNumber, tenantEpoch: string | null]>(
  LIVE_SESSIONS,
  `
return { #live_sessions(KEYS[1]), redis.call('ZSCORE', KEYS[1], 't') }
`,
);

/**
 * KEYS record   ARGV version expected or '', bound of the data in bytes, number of fields to set, field, value …,
 *                    then fields to delete
 * Reply describe() with data · nil · {'conflict', version, tenant epoch} · {'large', bytes, tenant epoch}
 */
export const UPDATE = onlyWithRoom<SessionReply | UpdateRefusal | null>(
  DESCRIBE,
  `
local s = find(TAIL)
if not s or s.ended then return false end
local version = tonumber(redis.call('HGET', KEYS[1], 'v') or 0)
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= version then return { 'conflict', version, tenant_epoch(s) } end

local sets, size = tonumber(ARGV[3]), 1
local changed = {}
for n = 4, 3 + sets * 2, 2 do
  changed['.' .. ARGV[n]] = true
  size = size + #ARGV[n] + #ARGV[n + 1] + 4
end
for n = 4 + sets * 2, #ARGV do changed['.' .. ARGV[n]] = true end
local all = redis.call('HGETALL', KEYS[1])
for n = 1, #all, 2 do
  if string.sub(all[n], 1, 1) == '.' and not changed[all[n]] then size = size + #all[n] + #all[n + 1] + 3 end
end
if size > tonumber(ARGV[2]) then return { 'large', size, tenant_epoch(s) } end

for n = 4, 3 + sets * 2, 2 do redis.call('HSET', KEYS[1], '.' .. ARGV[n], ARGV[n + 1]) end
for n = 4 + sets * 2, #ARGV do redis.call('HDEL', KEYS[1], '.' .. ARGV[n]) end
redis.call('HSET', KEYS[1], 'v', version + 1)
announce(index_key(s.identity), 'd ' .. TAG .. s.rest, s.window)
return describe(s, true)
`,
);

/** KEYS record   Reply {1 live and extended | 0, tenant epoch} */
export const TOUCH = evenWhenFull<[live: ReplyNumber, tenantEpoch: string | null]>(`
local s = find(TAIL)
if not s or s.ended then return { 0, false } end
redis.call('HSET', KEYS[1], 'l', now_us - s.created)
s.seen = now_us
keep(s)
return { 1, tenant_epoch(s) }
`);

/**
 * Ends one session.
 *
 * KEYS record   ARGV how, reason told, identity it must be of or '', chain's secret hash or '', what is told:
 *                    'all' by the feed and as an event, 'event' where the feed knows already, '' neither
 * Reply {1 was live | 0, tenant epoch}
 */
export const END = evenWhenFull<[ended: ReplyNumber, tenantEpoch: string | null]>(`
local s = find(TAIL)
if not s or s.ended then return { 0, false } end
if ARGV[3] ~= '' and ARGV[3] ~= s.identity then return { 0, false } end
if ARGV[4] ~= '' and ARGV[4] ~= s.hash then return { 0, false } end
local epoch = tenant_epoch(s)
finish(s, ARGV[1])
if ARGV[5] == 'all' then announce_end(s) end
if ARGV[5] ~= '' then tell('revoked', TAIL, s.identity, ARGV[2]) end
return { 1, epoch }
`);

/**
 * Ends every session of a user, by raising the user's epoch and one by one.
 *
 * KEYS index   ARGV rest of the id to spare or '', reason told, window (ms), epoch that was raised already and lost or ''
 * Reply {number ended, tenant epoch}
 */
export const END_ALL = evenWhenFull<[ended: ReplyNumber, tenantEpoch: string | null]>(
  LIVE_SESSIONS,
  `
local index, window = KEYS[1], tonumber(ARGV[3])
local tenant, last = redis.call('ZSCORE', index, 't'), redis.call('ZSCORE', index, 'u')
local lost = tonumber(ARGV[4])
if lost and last and tonumber(last) >= lost then return { 0, tenant } end
local epoch = string.format('%.0f', lost or (last and last + 1) or now_us)
local ended, spared = 0, '-'
for _, s in ipairs(live_sessions(index)) do
  if s.rest ~= ARGV[1] then
    finish(s, 'r')
    tell('revoked', s.rest, s.identity, ARGV[2])
    ended = ended + 1
  else
    spared = TAG .. s.rest
  end
end
redis.call('ZADD', index, epoch, 'u')
stay(index, window)
if not lost then announce(index, 'u ' .. epoch .. ' ' .. spared .. ' ' .. TAIL, window) end
return { ended, tenant }
`,
);

/**
 * Ends one access token; its session goes on.
 *
 * KEYS record   ARGV identity it must be of or '', id of the token, how long it may be in use (ms), most of them in one session,
 *                    'all' to tell the feed
 * Reply {1 ended | 0 was already, or the session is not live | -1 too many, tenant epoch}
 */
export const END_TOKEN = evenWhenFull<[ended: ReplyNumber, tenantEpoch: string | null]>(`
local s = find(TAIL)
if not s or s.ended or (ARGV[1] ~= '' and s.identity ~= ARGV[1]) then return { 0, false } end
local kept, count, known = {}, 0, false
for id, until_ms in string.gmatch(redis.call('HGET', KEYS[1], 'j') or '', '(%S+) (%d+) ') do
  if tonumber(until_ms) > now then
    kept[#kept + 1] = id .. ' ' .. until_ms .. ' '
    count = count + 1
    known = known or id == ARGV[2]
  end
end
if known then return { 0, tenant_epoch(s) } end
if count >= tonumber(ARGV[4]) then return { -1, tenant_epoch(s) } end
kept[#kept + 1] = ARGV[2] .. ' ' .. string.format('%.0f', now + ARGV[3]) .. ' '
redis.call('HSET', KEYS[1], 'j', table.concat(kept))
if ARGV[5] == 'all' then announce(index_key(s.identity), 'j ' .. TAG .. s.rest .. ' ' .. ARGV[2], s.window) end
return { 1, tenant_epoch(s) }
`);
