/** Finds a place in a sorted set, also one whose member is gone meanwhile: for pages that go on where the one before ended. */
export const RANK_AFTER = `
-- as Redis orders members of one score; the operators of Lua go by the server's locale
local function is_before(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- how many entries are not behind the given place
local function rank_after(zset, score, member)
  local low, high = 0, redis.call('ZCARD', zset)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = redis.call('ZRANGE', zset, middle, middle, 'WITHSCORES')
    local at = tonumber(entry[2])
    if at < score or (at == score and not is_before(member, entry[1])) then low = middle + 1 else high = middle end
  end
  return low
end
`;
