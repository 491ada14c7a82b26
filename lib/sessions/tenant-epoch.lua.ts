import { Script } from '../redis/index.js';
import { readOnly, type ReplyNumber } from './session-state.lua.js';

/** KEYS epoch of a tenant   Reply epoch or nil. A script, and not GET, because a Cluster client may send GET to a replica. */
export const TENANT_EPOCH = readOnly<string | null>(`
return redis.call('GET', KEYS[1])
`);

/**
 * An epoch is made at the server's time (µs) where there is none: a lost one never equals what sessions remember. A `!`
 * behind it says that the feed has yet to be told of it.
 */
const WITH_EPOCH = `
local mark, epoch = '', redis.call('GET', KEYS[1])
if epoch then
  epoch, mark = string.match(epoch, '^(%d+)(!?)$')
else
  local time = redis.call('TIME')
  epoch = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[1], epoch)
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
`;
const KEEP_EPOCH = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return epoch .. mark
`;

const AT_LEAST = `${WITH_EPOCH}
end
if ARGV[2] ~= '' and tonumber(ARGV[2]) > tonumber(epoch) then
  epoch = ARGV[2]
  redis.call('SET', KEYS[1], epoch .. mark, 'KEEPTTL')
end
${KEEP_EPOCH}`;

/** KEYS epoch of a tenant   ARGV ttl ms, what it must be at least or ''   Reply epoch, with its mark */
export const JOIN_TENANT = new Script<string>(`#!lua\n${AT_LEAST}`);

/** What was raised and then lost, also where Redis is full.   KEYS, ARGV and reply of JOIN_TENANT */
export const RESTORE_TENANT = new Script<string>(`#!lua flags=allow-oom\n${AT_LEAST}`);

/** Ends every session of a tenant.   KEYS epoch of the tenant   ARGV ttl ms   Reply epoch, with its mark */
export const RAISE_TENANT = new Script<string>(`#!lua flags=allow-oom
${WITH_EPOCH}
  mark = '!'
  redis.call('SET', KEYS[1], epoch .. mark, 'KEEPTTL')
  ${KEEP_EPOCH}
end
epoch, mark = string.format('%.0f', epoch + 1), '!'
redis.call('SET', KEYS[1], epoch .. mark, 'KEEPTTL')
${KEEP_EPOCH}`);

/** The feed has been told.   KEYS epoch of a tenant   ARGV epoch, with its mark   Reply 1 */
export const SETTLE_TENANT = new Script<ReplyNumber>(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], string.match(ARGV[1], '^%d+'), 'KEEPTTL') end
return 1
`);
