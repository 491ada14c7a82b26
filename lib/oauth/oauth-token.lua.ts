import { NOW, RANK_AFTER, Script } from '../redis/index.js';

/** Goes on when Redis is full: it frees, or reads. */
const evenWhenFull = <Reply>(...parts: string[]) => new Script<Reply>(`#!lua flags=allow-oom\n${NOW}${parts.join('')}`);
/** Refused as a whole when Redis is full, before its first write. */
const onlyWithRoom = <Reply>(...parts: string[]) => new Script<Reply>(`#!lua\n${NOW}${parts.join('')}`);

/**
 * KEYS record
 * ARGV sealed; expiry of the access token (ms) or ''; how long the record lives whatever that is (ms) or ''; how long
 *   without an expiry; how long a refresh token is kept (ms), '' without one
 * Reply 1, or 0 where it has expired already and nothing is left of it
 */
export const SAVE_ACCESS_TOKEN = onlyWithRoom<number | string>(`
local sealed, expires, life, default_life, refresh_life = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local nothing_left = refresh_life == '' and expires
if nothing_left and nothing_left <= now then
  redis.call('DEL', KEYS[1])
  return 0
end
local ends = expires or now + default_life
if refresh_life ~= '' then ends = math.max(ends, now + refresh_life) end
if life ~= '' then ends = now + life end
redis.call('SET', KEYS[1], (nothing_left and ARGV[2] or '') .. ' ' .. sealed, 'PXAT', ends)
return 1
`);

/**
 * KEYS record
 * Reply sealed, or nil; what has expired is deleted in the same step, so that it cannot be what was saved meanwhile
 */
export const GET_ACCESS_TOKEN = evenWhenFull<string | null>(`
local record = redis.call('GET', KEYS[1])
if not record then return nil end
local space = string.find(record, ' ', 1, true) or 0
local nothing_left = tonumber(string.sub(record, 1, space - 1))
if space > 0 and nothing_left and nothing_left <= now then
  redis.call('DEL', KEYS[1])
  return nil
end
return string.sub(record, space + 1)
`);

const PRUNE = `
local function prune(index, most)
  local gone = redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, most)
  if #gone > 0 then redis.call('ZREM', index, unpack(gone)) end
end
`;

/**
 * KEYS record, index
 * ARGV sealed, member, expiry (ms) or '', how long without one (ms)
 * Reply 1, or 0 where it has expired already and nothing is left of it
 */
export const STORE_TOKEN = onlyWithRoom<number | string>(
  PRUNE,
  `
local record, index, member = KEYS[1], KEYS[2], ARGV[2]
local expires = tonumber(ARGV[3]) or now + ARGV[4]
if expires <= now then
  redis.call('DEL', record)
  redis.call('ZREM', index, member)
  return 0
end
redis.call('SET', record, ARGV[1], 'PXAT', expires)
prune(index, 16)
redis.call('ZADD', index, expires, member)
if redis.call('PEXPIRETIME', index) < expires then redis.call('PEXPIREAT', index, expires) end
return 1
`,
);

/**
 * KEYS record, index
 * ARGV member
 * Reply 1 where there was one, else 0
 */
export const DELETE_TOKEN = evenWhenFull<number | string>(`
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
`);

/**
 * One page of a shard, the soonest expiry first; what has expired or was evicted is forgotten on the way.
 *
 * KEYS index
 * ARGV most; expiry and member after which it begins ('' both from the start)
 * Reply expiry and member to go on after ('' both at the end), member, member …
 */
export const LIST_TOKENS = evenWhenFull<[expiry: string, member: string, ...members: string[]]>(
  PRUNE,
  `
local index, most = KEYS[1], ARGV[1] + 0
local HEAD, TAG = string.match(index, '^([^{]*)l:({......})$')
prune(index, 1000)

${RANK_AFTER}local from = 0
if ARGV[3] ~= '' then from = rank_after(index, tonumber(ARGV[2]), ARGV[3]) end
local entries = redis.call('ZRANGE', index, from, from + most - 1, 'WITHSCORES')
local reply = { '', '' }
if #entries == 2 * most then reply = { entries[#entries], entries[#entries - 1] } end
for n = 1, #entries, 2 do
  if redis.call('EXISTS', HEAD .. 'a:' .. TAG .. 'token:' .. string.sub(entries[n], 1, 22)) == 1 then
    reply[#reply + 1] = entries[n]
  else
    redis.call('ZREM', index, entries[n])
  end
end
return reply
`,
);
