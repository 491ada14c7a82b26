import { NOW, Script } from '../redis/index.js';

/**
 * What the token scripts share.
 *
 * A token is live while its record exists and its index names it: losing either, by eviction too, ends it. Deleting
 * an index therefore ends all of its tokens at once.
 *
 * KEYS[1] is a record, an index or a registry of types; ARGV[1] is `<app> <type>`, as they stand in key names.
 *
 * Record (string): `[created ms, expires ms or 0, "owner", "pointer",{` and one member of the data a line, `}]`.
 *   It is JSON; and since no JSON text that Node makes holds a raw line feed, a line is a member whatever is in it.
 *   The owner is as it stands in key names; the pointer is empty unless the token is a custom one.
 * Index (zset): rest of the id → expires ms, +inf for never
 * Registry (zset): type → the latest expiry in its index
 */
const CORE = `
local HEAD, TAG, REST = string.match(KEYS[1], '^([^{]*)[kio]:{(......)}(.*)$')
local APP, TYPE = string.match(ARGV[1], '^(.*) (.*)$')

${NOW}
local function key_of(letter, name) return HEAD .. letter .. ':{' .. TAG .. '}' .. name end
local function index_of(owner, type) return key_of('i', APP .. ':' .. owner .. ':' .. type) end
local function condemned_of(owner, type) return key_of('d', APP .. ':' .. owner .. ':' .. type) end
local function types_of(owner) return key_of('o', APP .. ':' .. owner) end
local function integer(n) return string.format('%.0f', n) end

-- value and owner of the live token KEYS[1], or nil
local function find()
  local value = redis.call('GET', KEYS[1])
  if not value then return nil end
  local owner = string.match(value, '^%[%d+,%d+,"([^"]*)"')
  if not redis.call('ZSCORE', index_of(owner, TYPE), REST) then return nil end
  return value, owner
end
`;

/** Changes of the index, and what keeps it and the registry just as long as they are needed. */
export const INDEX = `
local function last_of(key) return redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2] end

local function live_until(key, last)
  if last == 'inf' then redis.call('PERSIST', key) elseif last then redis.call('PEXPIREAT', key, last) end
end

local function settle(owner)
  local index, types = index_of(owner, TYPE), types_of(owner)
  local last = last_of(index)
  live_until(index, last)
  -- what an earlier deletion left to be cleared away has to be found by the next one
  local condemned = last_of(condemned_of(owner, TYPE))
  if not last or (condemned and tonumber(condemned) > tonumber(last)) then last = condemned end
  if last then redis.call('ZADD', types, last, TYPE) else redis.call('ZREM', types, TYPE) end
  redis.call('ZREMRANGEBYSCORE', types, '-inf', '(' .. integer(now))
  live_until(types, last_of(types))
end

local function prune(index, most)
  local gone = redis.call('ZRANGEBYSCORE', index, '-inf', '(' .. integer(now), 'LIMIT', 0, most)
  if #gone > 0 then redis.call('ZREM', index, unpack(gone)) end
end

local function finish(owner)
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', index_of(owner, TYPE), REST)
  settle(owner)
end

-- '' is for ever
local function expiry_after(ttl)
  if ttl == '' then return 0 end
  return now + ttl
end

local function store(value, expires)
  if expires == 0 then redis.call('SET', KEYS[1], value) else redis.call('SET', KEYS[1], value, 'PXAT', integer(expires)) end
end
`;

/** Goes on when Redis is full: to end a token must not fail for want of memory. */
export const evenWhenFull = <Reply>(...parts: string[]) => new Script<Reply>(`#!lua flags=allow-oom\n${CORE}${parts.join('')}`);
/** Refused as a whole when Redis is full, before its first write. */
export const onlyWithRoom = <Reply>(...parts: string[]) => new Script<Reply>(`#!lua\n${CORE}${parts.join('')}`);
/** Reads only. */
export const readOnly = <Reply>(...parts: string[]) => new Script<Reply>(`#!lua flags=no-writes\n${CORE}${parts.join('')}`);
