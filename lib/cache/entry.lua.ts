import { Script } from '../redis/index.js';

/** A version that is missing begins at the server's time in µs: to lose one ends what depends on it, and revives nothing. */
const VERSIONS = `
local DAY = 86400000
local function now_us()
  local time = redis.call('TIME')
  return time[1] .. string.format('%06d', time[2])
end
-- the version as it is now, kept for at least twice as long: each time that is made longer counts as a change of it
local function version_for(key, ms)
  local version = redis.call('GET', key)
  if not version then
    version = now_us()
    redis.call('SET', key, version, 'PX', string.format('%.0f', math.max(3 * ms, DAY)))
  elseif redis.call('PTTL', key) < 2 * ms then
    redis.call('PEXPIRE', key, string.format('%.0f', 3 * ms))
  end
  return version
end
`;

const NOW_MS = `
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/**
 * One entry, and the versions that are given with it.
 *
 * KEYS entry, versions …   Reply {entry or nil, server's ms, versions …}
 */
export const READ = new Script<[entry: string | null, nowMs: number | string, ...versions: (string | null)[]]>(`#!lua flags=no-writes
local time = redis.call('TIME')
return { redis.call('GET', KEYS[1]), time[1] * 1000 + math.floor(time[2] / 1000), unpack(KEYS[2] and redis.call('MGET', unpack(KEYS, 2)) or {}) }
`);

/**
 * Writes an entry; with a token only where the lease of that name is still there: any write or deletion since then ended it.
 *
 * KEYS entry, versions to write it under …   ARGV token of the lease or '', token of the entry, how long it is fresh (ms), how
 *   long it is kept (ms), versions where KEYS has none, tags, value
 * Reply {server's ms, the versions it was written under} · nil not written
 */
export const STORE = new Script<[nowMs: number | string, versions: string] | null>(`#!lua
${VERSIONS}${NOW_MS}
if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, 21) ~= ARGV[1] then return false end
local versions = ARGV[5]
if KEYS[2] then
  local found = {}
  for n = 2, #KEYS do found[n - 1] = version_for(KEYS[n], ARGV[4] + 0) end
  versions = table.concat(found, ',')
end
local now = now_ms()
local fresh = string.format('%013.0f', now + ARGV[3])
redis.call('SET', KEYS[1], ARGV[2] .. '0000000000000' .. fresh .. versions .. ';' .. ARGV[6] .. '\\n' .. ARGV[7], 'PX', ARGV[4])
return { now, versions }
`);

/**
 * Elects who loads: whoever finds the entry as it was seen, and nobody loading it.
 *
 * KEYS entry, versions …   ARGV token that was seen or '', token of the new lease, its ms, ms to keep the versions
 * Reply {1, versions …} elected · {0, token, ms left of its lease} not
 */
export const ELECT = new Script<[elected: number | string, ...rest: (string | number)[]]>(`#!lua
${VERSIONS}${NOW_MS}
local head = redis.call('GETRANGE', KEYS[1], 0, 34)
local token, until_ms, now = string.sub(head, 1, 22), tonumber(string.sub(head, 23)) or 0, now_ms()
local failed = string.sub(token, 1, 1) == '!'
-- nobody gave a lease for that long: the clock was set back, or the text is not ours
if until_ms - now > 2 * ARGV[3] then until_ms = 0 end
if token ~= ARGV[1] or (until_ms > now and not failed) then
  return { 0, token, failed and 0 or math.max(until_ms - now, 0) }
end
local lease = ARGV[2] .. string.format('%013.0f', now + ARGV[3])
if token == '' then
  redis.call('SET', KEYS[1], lease .. '0000000000000', 'PX', ARGV[3])
else
  redis.call('SETRANGE', KEYS[1], 0, lease)
  if redis.call('PTTL', KEYS[1]) < ARGV[3] + 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
end
local reply = { 1 }
for n = 2, #KEYS do reply[n] = version_for(KEYS[n], ARGV[4] + 0) end
return reply
`);

/** KEYS entry   ARGV token, ms   Reply 1 the lease goes on for so long · 0 it has ended */
export const RENEW = new Script<number | string>(`#!lua
${NOW_MS}
if redis.call('GETRANGE', KEYS[1], 0, 21) ~= ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 22, string.format('%013.0f', now_ms() + ARGV[2]))
if redis.call('PTTL', KEYS[1]) < ARGV[2] + 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`);

/**
 * Gives a lease up. What is stale stays where loading failed, marked as failed for a while; all else goes.
 *
 * KEYS entry   ARGV token, mark of the failure or '', ms for which it stands
 */
export const RELEASE = new Script<number | string>(`#!lua flags=allow-oom
${NOW_MS}
if redis.call('GETRANGE', KEYS[1], 0, 21) ~= ARGV[1] then return 0 end
if ARGV[2] == '' or redis.call('STRLEN', KEYS[1]) <= 48 then return redis.call('DEL', KEYS[1]) end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2] .. string.format('%013.0f', now_ms() + ARGV[3]))
return 1
`);

/** KEYS versions …   ARGV ms to keep them at least   Reply the versions as they are now */
export const ENSURE = new Script<string[]>(`#!lua
${VERSIONS}
local found = {}
for n, key in ipairs(KEYS) do found[n] = version_for(key, ARGV[1] + 0) end
return found
`);

/** Ends everything that was written under these versions. KEYS versions … */
export const RAISE = new Script<number | string>(`#!lua flags=allow-oom
${VERSIONS}
for _, key in ipairs(KEYS) do
  local version = now_us()
  local before = redis.call('GET', key)
  if before and before >= version then version = string.format('%.0f', before + 1) end
  redis.call('SET', key, version, 'PX', string.format('%.0f', math.max(redis.call('PTTL', key), DAY)))
end
return #KEYS
`);

/** KEYS lock   ARGV its holder   Reply 1 released · 0 not held by this one */
export const UNLOCK = new Script<number | string>(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);
