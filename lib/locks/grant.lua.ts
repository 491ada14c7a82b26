/**
 * What the lock scripts share: fencing tokens, and telling a waiter that it holds the lock.
 *
 * KEYS[1] is the state of a lock, `<prefix><letter>:{bucket}<name>`. An id is `<instance>.<number>`; the instance begins
 * with `s`, or with `c` where it is a Cluster's client. The message is `<number> <token> <KEYS[1]>`, on the instance's channel.
 *
 * Fence (string): the last token drawn in this bucket. One that is missing starts at the server's time in µs, and a bucket
 * draws less than one token a µs: every token there ever was is therefore smaller, and to lose the counter is harmless.
 * Nor need its TTL be renewed: when the month is over, the server's clock has passed every token that was drawn in it. Until
 * then the counter goes on rising even if that clock is set back.
 */
export const DRAW = `
local SLACK, FENCE_TTL = 10000, 2592000000

local function integer(n) return string.format('%.0f', n) end

-- the last of so many new tokens
local function draw(count)
  local head, bucket = string.match(KEYS[1], '^([^{]*)%l:({%d+})')
  local fence = head .. 'f:' .. bucket
  local last = redis.call('INCRBY', fence, count)
  if last == count then
    local time = redis.call('TIME')
    last = time[1] * 1000000 + time[2] + count
    redis.call('SET', fence, integer(last), 'PX', FENCE_TTL)
  end
  return last
end
`;

export const TELL = `
-- false where nobody hears it; on a Cluster, where the count tells only of this node, true
local function tell(id, token)
  local instance, number = string.match(id, '^(.*)%.(%d+)$')
  local channel = string.match(KEYS[1], '^([^{]*)%l:{') .. 'w:' .. instance
  local heard = redis.pcall('PUBLISH', channel, number .. ' ' .. token .. ' ' .. KEYS[1])
  return type(heard) == 'number' and (heard > 0 or string.sub(id, 1, 1) == 'c')
end
`;
