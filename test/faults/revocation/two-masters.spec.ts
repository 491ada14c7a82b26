import { afterEach, beforeEach, describe, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { Switchable } from '../../support/revocation/switchable.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

/**
 * In a planned failover behind Sentinels, and where a master is cut off, two servers take writes for a while; what the
 * former one was told is lost, but for what instances know.
 */
let former: TestRedis;
let next: TestRedis;
let options: { keyPrefix: string };
beforeEach(async () => {
  captureLog();
  former = await startRedis({ port: 'tcp', config: ['repl-diskless-sync-delay 0'] });
  next = await startRedis({ config: [`replicaof 127.0.0.1 ${former.port}`] });
  options = { keyPrefix: uniquePrefix() };
  await until(async () => (await ask(next, (client) => client.info('replication'))).includes('master_link_status:up'), {
    within: 15_000,
    what: 'the replica follows',
  });
});
afterEach(() => Promise.all([former.stop(), next.stop()]));

type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

/** One is still where writes will be lost when it ends what the other has begun on the new master; both are there then. */
async function endedOnTheFormer(
  end: (on: SessionsUnderTest, pair: Pair) => Promise<unknown>,
  before: (on: SessionsUnderTest) => Promise<unknown>,
): Promise<void> {
  await using wayOfOne = await Switchable.to(former.socketPath);
  await using wayOfOther = await Switchable.to(former.socketPath);
  await using one = await openSessions({ ...options, redis: wayOfOne.url });
  await using other = await openSessions({ ...options, redis: wayOfOther.url });
  await one.sessions.create('ann', { tenant: 'acme' });
  await before(one);
  await until(() => ask(former, async (client) => (await client.ping()) && client.wait(1, 500)), { what: 'the replica is in step' });
  await ask(next, (client) => client.replicaof('NO', 'ONE'));
  wayOfOther.switchTo(next.socketPath);
  await until(() => other.sessions.count('ann', { tenant: 'acme' }), { what: 'the other is on the new master' });
  // the same number of times as on the former master
  await before(other);
  const pair = await other.sessions.create('ann', { tenant: 'acme' });
  await end(one, pair);
  wayOfOne.switchTo(next.socketPath);
  await until(
    async () =>
      (await reasonOf(one.sessions.verify(pair.accessToken))) === 'revoked' &&
      (await reasonOf(other.sessions.verify(pair.accessToken))) === 'revoked',
    { within: 4_000, what: 'both refuse it' },
  );
  await until(async () => (await other.sessions.get(pair.sessionId)) === null, { what: 'Redis knows' });
}

describe('a session that one began on the new master, and another ended on the former one, is over when both are on the new one', () => {
  it('revoke', () =>
    endedOnTheFormer(
      ({ sessions }, { sessionId }) => sessions.revoke(sessionId),
      () => Promise.resolve(),
    ));

  it('revokeAll, the second on the new master', () =>
    endedOnTheFormer(
      ({ sessions }) => sessions.revokeAll('ann', { tenant: 'acme' }),
      () => Promise.resolve(),
    ));

  it('revokeTenant, the first on the new master', () =>
    endedOnTheFormer(
      ({ sessions }) => sessions.revokeTenant('acme'),
      () => Promise.resolve(),
    ));
});
