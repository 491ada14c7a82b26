import { NOW, Script } from '../redis/index.js';
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
export type UpdateRefusal = ['conflict' | 'large', ReplyNumber];

/** How a session stands: 'live'; how it ended, '' unknown; live with its tenant's epoch, and with data where asked for. */
export type VerifyReply = string | [tenantEpoch: string | null, data?: string[]];

/**
 * Whether a session is live, for its identity; writes nothing.
 *
 * KEYS record, index   ARGV rest of the id, '1' for data or ''
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
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
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
 * Reply describe() with data · nil · {'conflict', version} · {'large', bytes}
 */
export const UPDATE = onlyWithRoom<SessionReply | UpdateRefusal | null>(
  DESCRIBE,
  `
local s = find(TAIL)
if not s or s.ended then return false end
local version = tonumber(redis.call('HGET', KEYS[1], 'v') or 0)
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= version then return { 'conflict', version } end

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
if size > tonumber(ARGV[2]) then return { 'large', size } end

for n = 4, 3 + sets * 2, 2 do redis.call('HSET', KEYS[1], '.' .. ARGV[n], ARGV[n + 1]) end
for n = 4 + sets * 2, #ARGV do redis.call('HDEL', KEYS[1], '.' .. ARGV[n]) end
redis.call('HSET', KEYS[1], 'v', version + 1)
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
 * KEYS record   ARGV how ('r', 'o'), reason told, identity it must be of or '', chain's secret hash or ''
 * Reply {1 was live | 0, tenant epoch}
 */
export const END = evenWhenFull<[ended: ReplyNumber, tenantEpoch: string | null]>(`
local s = find(TAIL)
if not s or s.ended then return { 0, false } end
if ARGV[3] ~= '' and ARGV[3] ~= s.identity then return { 0, false } end
if ARGV[4] ~= '' and ARGV[4] ~= s.hash then return { 0, false } end
local epoch = tenant_epoch(s)
finish(s, ARGV[1])
tell('revoked', TAIL, s.identity, ARGV[2])
return { 1, epoch }
`);

/** KEYS index   ARGV rest of the id to spare or '', reason told   Reply {number ended, tenant epoch} */
export const END_ALL = evenWhenFull<[ended: ReplyNumber, tenantEpoch: string | null]>(
  LIVE_SESSIONS,
  `
local epoch = redis.call('ZSCORE', KEYS[1], 't')
local ended = 0
for _, s in ipairs(live_sessions(KEYS[1])) do
  if s.rest ~= ARGV[1] then
    finish(s, 'r')
    tell('revoked', s.rest, s.identity, ARGV[2])
    ended = ended + 1
  end
end
return { ended, epoch }
`,
);

/** KEYS epoch of a tenant   Reply epoch or nil. A script, and not GET, because a Cluster client may send GET to a replica. */
export const TENANT_EPOCH = readOnly<string | null>(`
return redis.call('GET', KEYS[1])
`);

/** An epoch is made at the server's time (µs) where there is none: a lost one never equals what sessions remember. */
const WITH_EPOCH = `
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  local time = redis.call('TIME')
  epoch = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[1], epoch)
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
`;
const KEEP_EPOCH = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return epoch
`;

/** KEYS epoch of a tenant   ARGV ttl ms, what it must be at least or ''   Reply epoch */
export const JOIN_TENANT = new Script<string>(`#!lua
${WITH_EPOCH}
elseif ARGV[2] ~= '' and tonumber(ARGV[2]) > tonumber(epoch) then
  epoch = ARGV[2]
  redis.call('SET', KEYS[1], epoch, 'KEEPTTL')
end
${KEEP_EPOCH}`);

/** Ends every session of a tenant.   KEYS epoch of the tenant   ARGV ttl ms   Reply epoch */
export const RAISE_TENANT = new Script<string>(`#!lua flags=allow-oom
${WITH_EPOCH}
else
  redis.call('INCR', KEYS[1])
  epoch = redis.call('GET', KEYS[1])
end
${KEEP_EPOCH}`);
