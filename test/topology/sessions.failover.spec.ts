import { describe, expect, it } from 'vitest';
import type { TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { ClusterSetup } from '../support/cluster.js';
import { SentinelSetup } from '../support/sentinel.js';
import { EventsHeard, reasonOf } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../support/sessions.js';
import { until } from '../support/until.js';

const USER = 'ann';

type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

async function signIn({ sessions }: SessionsUnderTest): Promise<{ live: Pair; rotated: Pair; tenant: Pair; revoked: Pair }> {
  const live = await sessions.create(USER, { data: { a: 1 } });
  const rotated = await sessions.refresh((await sessions.create(USER)).refreshToken);
  const tenant = await sessions.create(USER, { tenant: 'acme' });
  const revoked = await sessions.create(USER);
  await sessions.revoke(revoked.sessionId);
  return { live, rotated, tenant, revoked };
}

/** The server does not know the scripts, and what it has is what was replicated. */
async function goesOn({ sessions }: SessionsUnderTest, before: Awaited<ReturnType<typeof signIn>>): Promise<void> {
  await until(() => sessions.get(before.live.sessionId), { within: 2_000, what: 'sessions go on on the new master' });
  await sessions.verify(before.live.accessToken);
  expect((await sessions.verify(before.live.accessToken, { data: true })).data).toEqual({ a: 1 });
  for (const pair of [before.live, before.rotated, before.tenant]) {
    const next = await sessions.refresh(pair.refreshToken);
    await sessions.verify(next.accessToken);
    expect((await sessions.refresh(pair.refreshToken)).refreshToken).toBe(next.refreshToken);
  }
  expect(await reasonOf(sessions.verify(before.revoked.accessToken))).toBe('revoked');
  expect(await reasonOf(sessions.refresh(before.revoked.refreshToken))).toBe('revoked');
  expect(await sessions.count(USER)).toBe(2);
  expect(await sessions.revokeAll(USER)).toBe(2);
  await sessions.revokeTenant('acme');
  expect(await reasonOf(sessions.verify(before.tenant.accessToken))).toBe('revoked');
}

/** What the master has, its replicas have: WAIT is about all that was written before the connection's last command. */
async function replicated(master: TestRedis, replicas: number): Promise<void> {
  const inStep = (): Promise<number> =>
    ask(master, async (client) => {
      await client.ping();
      return client.wait(replicas, 500);
    });
  await until(async () => (await inStep()) >= replicas, { within: 10_000, what: 'the replicas are in step' });
}

describe('after a failover sessions go on', () => {
  it('planned, behind Sentinels; and events are heard again', async () => {
    await using setup = await SentinelSetup.start();
    await using on = await openSessions({ redis: setup.url });
    using events = await EventsHeard.of(on.sessions);
    const before = await signIn(on);
    await replicated(await setup.master(), 2);
    await setup.failover();
    await goesOn(on, before);
    await events.untilNow();
    const { sessionId } = await on.sessions.create('bob');
    const heard = await events.untilNow();
    expect(heard.at(-1)).toMatchObject({ type: 'created', sessionId });
    expect(heard.filter(({ type }) => type === 'reuse-detected')).toEqual([]);
  });

  it('of a master that is killed, in a Cluster', async () => {
    await using setup = await ClusterSetup.start();
    await using on = await openSessions({ redis: setup.url });
    const before = await signIn(on);
    const key = `${on.keyPrefix}s:{${before.live.sessionId.slice(0, 6)}}`;
    const master = await setup.masterOf(key);
    await Promise.all(setup.nodes.slice(0, 3).map((node) => replicated(node, 1)));
    await master.kill();
    await setup.masterOtherThan(master, key);
    await goesOn(on, before);
  });
});
