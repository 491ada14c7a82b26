/**
 * What the lock scripts share: fencing tokens, and telling a waiter that it holds the lock.
 *
 * KEYS[1] is the state of a lock, `<prefix><letter>:{bucket}<name>`. An id is `<instance>.<number>`; the instance begins
 * with `s`, or with `c` where it is a Cluster's client. The message is `<number> <token> <KEYS[1]>`, on the instance's channel.
 *
 * Fence (string): the last token drawn in this bucket. A token is the server's time in µs, or one more than the last where
 * that is greater, as after that clock was set back. A bucket draws less than one token a µs: every token there ever was is
 * therefore smaller than the time, and a counter that is lost, or that a failover or a restart set back, is harmless.
 */
export const DRAW = `
local SLACK, FENCE_TTL = 10000, 2592000000

local function integer(n) return string.format('%.0f', n) end

-- the last of so many new tokens
local function draw(count)
  local head, bucket = string.match(KEYS[1], '^([^{]*)%l:({%d+})')
  local fence = head .. 'f:' .. bucket
  local time = redis.call('TIME')
  local last = time[1] * 1000000 + time[2] + count
  local before = redis.call('SET', fence, integer(last), 'PX', FENCE_TTL, 'GET')
  if before and before + count > last then
    last = before + count
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
