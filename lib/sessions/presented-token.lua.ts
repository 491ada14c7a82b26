import { NOW } from '../redis/index.js';
import { readOnly, type ReplyNumber } from './session-state.lua.js';

/** What is told of the session of a current refresh token. */
export type RefreshTokenReply = [identity: string, expiresMs: ReplyNumber, scopes: string | null, tenantEpoch: string | null];

/**
 * Whether a refresh token is its session's current one; neither rotates it nor counts as its use.
 *
 * KEYS record   ARGV secret hash, generation presented
 * Reply {identity, expiry, scopes or nil, tenant epoch or nil} · nil
 */
export const LOOK_AT_REFRESH_TOKEN = readOnly<RefreshTokenReply | null>(`
local identity, ended, hash, generation, scopes = unpack(redis.call('HMGET', KEYS[1], 'u', 'z', 'h', 'g', 'S'))
if not identity or ended or hash ~= ARGV[1] then return nil end
-- beyond the current one only after a failover lost a rotation: the token is genuine, so it is the newest there is
if tonumber(ARGV[2]) < tonumber(generation) then return nil end
local head, tag, rest = string.match(KEYS[1], '^([^{]*)s:{(......)}(.*)$')
local index = head .. 'u:{' .. tag .. '}' .. identity
local expires = redis.call('ZSCORE', index, rest)
${NOW}if not expires or tonumber(expires) <= now then return nil end
return { identity, expires, scopes, string.find(identity, ':', 1, true) and redis.call('ZSCORE', index, 't') or false }
`);
