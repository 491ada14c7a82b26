import type { TestRedis } from '../../lib/testing/index.js';
import { ask } from './ask.js';

const SCRIPT = `
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  found[#found + 1] = key
  found[#found + 1] = redis.call('PEXPIRETIME', key)
end
return found`;

/** When each key of a private server ends, by the names in order: ms by the server's clock, -1 for never. One command, however many there are. */
export async function expiryTimes(server: TestRedis, pattern = '*'): Promise<Map<string, number>> {
  const found = (await ask(server, (client) => client.eval(SCRIPT, 0, pattern))) as (string | number)[];
  const times = Array.from({ length: found.length / 2 }, (_, n) => [String(found[2 * n]), Number(found[2 * n + 1])] as const);
  return new Map(times.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
