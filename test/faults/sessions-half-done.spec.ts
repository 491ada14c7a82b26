import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { captureLog } from '../support/open-connection.js';
import { reasonOf } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../support/sessions.js';
import { until } from '../support/until.js';

const keyPrefix = uniquePrefix();
let redis: TestRedis;
let on: SessionsUnderTest;
let other: SessionsUnderTest;
beforeEach(async () => {
  captureLog();
  redis = await startRedis({ users: ['app on >pw ~* &* +@all'] });
  on = await openSessions({ redis: `redis://app:pw@127.0.0.1:${redis.port}`, keyPrefix });
  other = await openSessions({ redis: redis.url, keyPrefix });
});
afterEach(async () => {
  await on[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await redis.stop();
});

/** Only these keys, from now on. */
const allow = (...keys: string[]): Promise<unknown> =>
  ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', 'resetkeys', ...keys.map((key) => `~${keyPrefix}${key}`)));

it('a session whose end was told but refused in its place: the call is in doubt, since every instance goes by what it was told', async () => {
  const { sessionId, accessToken } = await on.sessions.create('ann');
  await allow('f:*');
  await expect(on.sessions.revoke(sessionId)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
  await until(async () => (await reasonOf(other.sessions.verify(accessToken))) === 'revoked', { what: 'it is refused elsewhere' });
});

it('a token whose end was told but refused in its place: the call is in doubt', async () => {
  const { accessToken } = await on.sessions.create('ann');
  await allow('f:*');
  await expect(on.sessions.revokeToken(accessToken)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
  await until(async () => (await reasonOf(other.sessions.verify(accessToken))) === 'revoked', { what: 'it is refused elsewhere' });
});

it('a tenant whose epoch was raised, of which nobody could be told: the call is in doubt', async () => {
  const { sessionId } = await on.sessions.create('ann', { tenant: 'acme' });
  await allow('t:*');
  await expect(on.sessions.revokeTenant('acme')).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
  expect(await other.sessions.get(sessionId)).toBeNull();
});
