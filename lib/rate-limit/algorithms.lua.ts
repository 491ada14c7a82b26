/**
 * The hits of a sliding window: cmsgpack of t1, c1, t2, c2, …, the oldest first: c hits at t (ms).
 *
 * Each hit has its own moment as long as there are at most 128 of them; then what comes within the same 128th of a window
 * as the last is added to it and moves it. So there are at most 257 moments, and a hit may count for a 128th of the
 * window longer than it should, never shorter.
 */
export const HITS = `
local function live_hits(kept, window)
  local hits, used = {}, 0
  local all = kept and cmsgpack.unpack(kept) or hits
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

/** A part of a script for one algorithm, written out where it is needed: a function of Lua costs as much as a command. */
export interface AlgorithmCode {
  /** What it has to have before. */
  readonly needs: string;
  /** Of `kept`, `limit`, `window`, `cost`: what is kept (`one`, `two`), what is `left`, and ms to `wait` until `cost` is. */
  readonly look: string;
  /** Of `one`, `two`, `limit`, `window`, `add`: the `value` to keep, and ms until all is there again (`reset`). */
  readonly use: string;
}

// GCRA and the fixed window keep two numbers: a moment, and what was used since. As bytes, since text takes longer to
// write and read than everything else that is done here.
const READ = `
  one, two = now, 0
  if kept then
    one, two = struct.unpack('dd', kept)
    if one > now then one = now end`;

/**
 * The algorithms by the letters that stand for them. All numbers are integers, so that nothing adds up from rounding. A
 * moment in the future was written before the clock of the server was put back; it is taken for now.
 */
export const ALGORITHMS: Readonly<Record<'g' | 'f' | 's', AlgorithmCode>> = {
  /** GCRA as a bucket that leaks: of `two`, `limit` have drained in each window since `one`. */
  g: {
    needs: '',
    look: `${READ}
    if two * window <= (now - one) * limit then one, two = now, 0 end
  end
  left = limit + (now - one) * limit / window - two
  left = left - left % 1
  wait = cost <= left and 0 or math.max(1, math.ceil((two + cost) * window / limit) - window - now + one)`,
    use: `
  two = two + add
  reset = math.ceil(two * window / limit) - now + one
  if reset <= 0 then one, two, reset = now, 0, 0 end
  value = struct.pack('dd', one, two)`,
  },
  /** `two` in the window that began at `one`, with its first use. */
  f: {
    needs: '',
    look: `${READ}
    if one + window <= now then one, two = now, 0 end
  end
  left = limit - two
  wait = cost <= left and 0 or one + window - now`,
    use: `
  two = math.max(0, two + add)
  reset = two > 0 and one + window - now or 0
  value = struct.pack('dd', one, two)`,
  },
  s: {
    needs: HITS,
    look: `
  one, two = live_hits(kept, window)
  left = limit - two
  wait = cost <= left and 0 or until_freed(one, cost - left, window)`,
    use: `
  if add > 0 then add_hits(one, window, add) else take_hits(one, -add) end
  reset = #one > 0 and one[#one - 1] + window - now or 0
  value = cmsgpack.pack(one)`,
  },
};
