/**
 * What the lock scripts share: fencing tokens, and telling a waiter that it holds the lock.
 *
 * KEYS[1] is the state of a lock, `<prefix><letter>:{bucket}<name>`. An id is `<instance>.<number>`; the instance begins
 * with `s`, or with `c` where it is a Cluster's client. The message is `<number> <token> <KEYS[1]>`, on the instance's channel.
 *
 * Fence (string): the last token drawn in this bucket. One that is missing starts at the server's time in µs, and a bucket
 * draws less than one token a µs: every token there ever was is therefore smaller, and to lose the counter is harmless.
 * It outlives all locks of the bucket by a month nevertheless, so that setting the server's clock back is harmless, too.
 */
export const GRANT = `
local SLACK, FENCE_TTL = 10000, 2592000000
local HEAD, TAG = string.match(KEYS[1], '^([^{]*)%l:{(%d+)}')

local function integer(n) return string.format('%.0f', n) end

-- the last of so many new tokens
local function draw(count)
  local fence = HEAD .. 'f:{' .. TAG .. '}'
  local last = redis.call('INCRBY', fence, count)
  if last > count then
    redis.call('PEXPIRE', fence, FENCE_TTL)
  else
    local time = redis.call('TIME')
    last = time[1] * 1000000 + time[2] + count
    redis.call('SET', fence, integer(last), 'PX', FENCE_TTL)
  end
  return last
end

-- false where nobody hears it; on a Cluster, where the count tells only of this node, true
local function tell(id, token)
  local instance, number = string.match(id, '^(.*)%.(%d+)$')
  local heard = redis.pcall('PUBLISH', HEAD .. 'w:' .. instance, number .. ' ' .. token .. ' ' .. KEYS[1])
  return type(heard) == 'number' and (heard > 0 or string.sub(id, 1, 1) == 'c')
end
`;
