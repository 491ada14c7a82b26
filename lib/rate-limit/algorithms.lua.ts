/** Milliseconds of the server's clock, which alone decides. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * The hits of a sliding window: cmsgpack of t1, c1, t2, c2, …, the oldest first: c hits at t (ms).
 *
 * Each hit has its own moment as long as there are at most 128 of them; then what comes within the same 128th of a window
 * as the last is added to it and moves it. So there are at most 257 moments, and a hit may count for a 128th of the
 * window longer than it should, never shorter.
 */
export const HITS = `
local function live_hits(state, window)
  local hits, used = {}, 0
  local all = state and cmsgpack.unpack(state) or hits
  for n = 1, #all, 2 do
    local at = math.min(all[n], now)
    if at + window > now then
      hits[#hits + 1] = at
      hits[#hits + 1] = all[n + 1]
      used = used + all[n + 1]
    end
  end
  return hits, used
end

local function add_hits(hits, window, count)
  local last, slot = #hits - 1, window / 128
  if last > 0 and (hits[last] == now or (last > 255 and math.floor(now / slot) == math.floor(hits[last] / slot))) then
    hits[last] = now
    hits[last + 1] = hits[last + 1] + count
  else
    hits[#hits + 1] = now
    hits[#hits + 1] = count
  end
end

local function take_hits(hits, count)
  while count > 0 and #hits > 0 do
    local taken = math.min(count, hits[#hits])
    count = count - taken
    hits[#hits] = hits[#hits] - taken
    if hits[#hits] == 0 then
      hits[#hits] = nil
      hits[#hits] = nil
    end
  end
end

local function until_freed(hits, missing, window)
  for n = 1, #hits, 2 do
    missing = missing - hits[n + 1]
    if missing <= 0 then return hits[n] + window - now end
  end
  return window
end
`;

/**
 * The algorithms by their letters: g GCRA, f fixed window, s sliding window. What is kept of one: g and f `moment used`
 * as text, s its hits.
 *
 *   look[letter](kept, limit, window, cost) → what is kept (two values), how much is left, ms until `cost` is left
 *   use[letter](what is kept (two values), limit, window, add) → what to keep, ms until all of the limit is there again
 *
 * All numbers are integers, so that nothing adds up from rounding. A moment in the future was written before the clock
 * of the server was put back; it is taken for now.
 */
export const ALGORITHMS = `
local look, use = {}, {}

local function read(kept)
  if not kept then return now, 0 end
  local moment, used = string.match(kept, '^(%d+) (%d+)$')
  return math.min(moment, now), used + 0
end

local function write(moment, used)
  return string.format('%.0f %.0f', moment, used)
end

-- A bucket that leaks: since the moment, 'limit' of what was used have drained in each window.
function look.g(kept, limit, window, cost)
  local moment, used = read(kept)
  if used * window <= (now - moment) * limit then moment, used = now, 0 end
  local left = math.floor(limit + (now - moment) * limit / window - used)
  return moment, used, left, math.max(0, math.ceil((used + cost) * window / limit) - window - now + moment)
end

function use.g(moment, used, limit, window, add)
  used = used + add
  local reset = math.ceil(used * window / limit) - now + moment
  if reset <= 0 then return write(now, 0), 0 end
  return write(moment, used), reset
end

-- A window begins with its first use.
function look.f(kept, limit, window, cost)
  local moment, used = read(kept)
  if moment + window <= now then moment, used = now, 0 end
  return moment, used, limit - used, used + cost <= limit and 0 or moment + window - now
end

function use.f(moment, used, limit, window, add)
  used = math.max(0, used + add)
  return write(moment, used), used > 0 and moment + window - now or 0
end

function look.s(kept, limit, window, cost)
  local hits, used = live_hits(kept, window)
  return hits, used, limit - used, used + cost <= limit and 0 or until_freed(hits, used + cost - limit, window)
end

function use.s(hits, used, limit, window, add)
  if add > 0 then add_hits(hits, window, add) else take_hits(hits, -add) end
  return cmsgpack.pack(hits), #hits > 0 and hits[#hits - 1] + window - now or 0
end
`;
