import { NOW, Script } from '../redis/index.js';

/**
 * The feed of revocations: a stream, and its anchor (hash), both in one slot.
 *
 * Ids of entries are `<ms>-<number>`: the number counts all entries ever written, so that a reader sees by it that none
 * is missing. An entry is `e` → text of a revocation, or `a <name>`: here the feed begins anew.
 *
 * Anchor: i id of this set of data, lost with it · n name of this beginning · c since when (ms) the stream is complete, but for what is older than the window ·
 * w window (ms): how long an access token may live after what ended it · l id of the last entry, x length, by which a
 * stream that was deleted, cut or replaced is told.
 */
const FEED = `
local feed, anchor = KEYS[1], KEYS[2]
${NOW}
local name, complete, window, last, length, dataset = unpack(redis.call('HMGET', anchor, 'n', 'c', 'w', 'l', 'x', 'i'))
window = math.max(tonumber(window or 0), tonumber(ARGV[1]))
local tail = redis.call('XREVRANGE', feed, '+', '-', 'COUNT', 1)[1]
local found = tail and tail[1] or '0-0'
local ms, number = string.match(found, '^(%d+)-(%d+)$')
ms, number = tonumber(ms), tonumber(number)
local ids = {}

local function add(text)
  number = number + 1
  ms = math.max(now, ms)
  last = string.format('%.0f-%.0f', ms, number)
  redis.call('XADD', feed, last, 'e', text)
  ids[#ids + 1] = last
end

-- what was there before says nothing of what is missing
local function begin()
  local known_ms, known = string.match(last or '0-0', '^(%d+)-(%d+)$')
  ms, number = math.max(ms, tonumber(known_ms)), math.max(number, tonumber(known))
  name, complete, dataset = ARGV[2], now, dataset or ARGV[2]
  add('a ' .. name)
end

local function keep(ttl)
  redis.call('HSET', anchor, 'i', dataset, 'n', name, 'c', complete, 'w', string.format('%.0f', window), 'l', last, 'x', redis.call('XLEN', feed))
  redis.call('PEXPIRE', anchor, ttl)
  redis.call('PEXPIRE', feed, ttl)
end

if not name or last ~= found or tonumber(length) ~= redis.call('XLEN', feed) then begin() end
`;

/**
 * Appends entries; forgets those older than the window, and the oldest ones beyond the bound, which the anchor then says.
 *
 * KEYS stream, anchor   ARGV window of the caller (ms), name for a new beginning, most entries, text …
 * Reply ids of the entries, that of a new beginning before them
 */
export const APPEND = new Script<string[]>(`#!lua flags=allow-oom
${FEED}
for n = 4, #ARGV do add(ARGV[n]) end
redis.call('XTRIM', feed, 'MINID', '~', string.format('%.0f', now - window))
if redis.call('XLEN', feed) > tonumber(ARGV[3]) then
  redis.call('XTRIM', feed, 'MAXLEN', '~', ARGV[3])
  local first = redis.call('XRANGE', feed, '-', '+', 'COUNT', 1)[1]
  complete = math.max(tonumber(complete), tonumber(string.match(first[1], '^%d+')))
end
keep(string.format('%.0f', window * 2))
return ids
`);

/** What SYNC replies. */
export type SyncReply = [name: string, completeMs: string, windowMs: string, last: string, nowMs: string, runId: string, dataset: string];

/**
 * Raises the window to the caller's, keeps stream and anchor alive, makes them where they are missing; begins anew where
 * the caller has found that entries are missing since a beginning.
 *
 * KEYS stream, anchor   ARGV window of the caller (ms), name for a new beginning, name of the beginning found incomplete or ''
 * Reply {name, complete since (ms), window (ms), id of the last entry, now (ms), the server's run id or '', data set}
 */
export const SYNC = new Script<SyncReply>(`#!lua flags=allow-oom
${FEED}
if name == ARGV[3] then begin() end
keep(string.format('%.0f', window * 2))
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
return { name, tostring(complete), string.format('%.0f', window), last, string.format('%.0f', now), run, dataset }
`);
