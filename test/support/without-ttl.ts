import type { TestRedis } from '../../lib/testing/index.js';
import { ask } from './ask.js';

const SCRIPT = `
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('PTTL', key) == -1 then found[#found + 1] = key end
end
return found`;

/** Names of the keys of a private server that would stay for ever. */
export function withoutTtl(server: TestRedis): Promise<string[]> {
  return ask(server, (client) => client.eval(SCRIPT, 0) as Promise<string[]>);
}
