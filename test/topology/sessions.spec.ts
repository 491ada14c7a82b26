import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterSetup } from '../support/cluster.js';
import { SentinelSetup } from '../support/sentinel.js';
import { EventsHeard, reasonOf, refused } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';

const topologies: Record<string, () => Promise<AsyncDisposable & { url: string }>> = {
  'Sentinels and replicas': () => SentinelSetup.start(),
  'a Cluster of three masters': () => ClusterSetup.start(),
};

describe.each(Object.keys(topologies))('sessions on %s', (name) => {
  let setup: AsyncDisposable & { url: string };
  let one: SessionsUnderTest;
  let two: SessionsUnderTest;
  beforeAll(async () => {
    setup = await topologies[name]!();
    const options = testOptions({ redis: setup.url, sessions: { limit: 3, touchInterval: '1 ms' } });
    one = await openSessions(options);
    two = await openSessions(options);
  });
  afterAll(async () => {
    await one?.[Symbol.asyncDispose]();
    await two?.[Symbol.asyncDispose]();
    await setup?.[Symbol.asyncDispose]();
  });

  // enough users that every master has some
  const users = Array.from({ length: 12 }, (_, n) => `user-${n}`);

  it.each([undefined, 'acme'])('live their life, seen by both instances (tenant: %s)', async (tenant) => {
    const of = tenant === undefined ? {} : { tenant };
    await Promise.all(
      users.map(async (user) => {
        const first = await one.sessions.create(user, { ...of, claims: { role: 'admin' }, data: { a: 1 } });
        expect(await two.sessions.verify(first.accessToken, { data: true })).toMatchObject({
          userId: user,
          claims: { role: 'admin' },
          data: { a: 1 },
          ...of,
        });
        const second = await two.sessions.refresh(first.refreshToken);
        expect((await one.sessions.refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
        expect(await one.sessions.touch(first.sessionId)).toBe(true);
        expect(await two.sessions.update(first.sessionId, { b: 2 })).toMatchObject({ data: { a: 1, b: 2 }, generation: 2, ...of });
        expect((await one.sessions.reauthenticated(first.sessionId))!.sessionId).toBe(first.sessionId);
        const third = (await two.sessions.regenerate(first.sessionId))!;
        await refused(one, second.accessToken, 'revoked');
        expect(await one.sessions.get(third.sessionId, { data: true })).toMatchObject({ data: { a: 1, b: 2 } });

        const others = [];
        for (let n = 0; n < 3; n++) others.push(await one.sessions.create(user, of));
        await refused(two, third.accessToken, 'evicted');
        expect(await two.sessions.list(user, of)).toHaveLength(3);
        expect(await two.sessions.revoke(others[0]!.sessionId)).toBe(true);
        expect(await one.sessions.logout(others[1]!.refreshToken)).toBe(true);
        expect(await two.sessions.count(user, of)).toBe(1);
        expect(await two.sessions.revokeAll(user, { ...of, except: others[2]!.sessionId })).toBe(0);
        expect(await two.sessions.revokeAll(user, of)).toBe(1);
        expect(await reasonOf(one.sessions.refresh(others[2]!.refreshToken))).toBe('revoked');
      }),
    );
  });

  it('of a tenant end together, those of others and of new sign-ins do not', async () => {
    const inside = await Promise.all(users.map((user) => one.sessions.create(user, { tenant: 'umbrella' })));
    const outside = await Promise.all(users.map((user) => one.sessions.create(user, { tenant: 'other' })));
    await two.sessions.revokeTenant('umbrella');
    for (const { accessToken, refreshToken } of inside) {
      await refused(one, accessToken, 'revoked');
      expect(await reasonOf(two.sessions.refresh(refreshToken))).toBe('revoked');
    }
    for (const { accessToken } of outside) await one.sessions.verify(accessToken);
    const again = await one.sessions.create(users[0]!, { tenant: 'umbrella' });
    await two.sessions.verify(again.accessToken);
    expect(await one.sessions.count(users[0]!, { tenant: 'umbrella' })).toBe(1);
  });

  it('tell each instance what happens to them, once, whichever node they are on', async () => {
    using heardByOne = await EventsHeard.of(one.sessions);
    using heardByTwo = await EventsHeard.of(two.sessions);
    const happened: string[] = [];
    for (const user of users) {
      const { sessionId } = await one.sessions.create(user);
      await two.sessions.revoke(sessionId, 'why');
      happened.push(`created ${sessionId}`, `revoked ${sessionId}`);
    }
    for (const heard of [heardByOne, heardByTwo]) {
      // the nodes of a Cluster tell in no common order
      const events = await until(async () => {
        const all = (await heard.untilNow()).map(({ type, sessionId }) => `${type} ${sessionId}`);
        const ours = all.filter((event) => happened.includes(event));
        return ours.length >= happened.length && ours;
      });
      expect(events.toSorted()).toEqual(happened.toSorted());
    }
  });

  it('of 32 sign-ins at once as many live as the limit allows', async () => {
    const calls = Array.from({ length: 32 }, (_, n) => (n % 2 === 0 ? one : two).sessions.create('crowd'));
    const pairs = await Promise.all(calls);
    const living = async (): Promise<number> => {
      const answers = await Promise.all(pairs.map(({ accessToken }) => reasonOf(one.sessions.verify(accessToken))));
      return answers.filter((answer) => answer === 'resolved').length;
    };
    await until(async () => (await living()) <= 3, { within: 2_000, what: 'one has heard whom the other evicted' });
    expect(await living()).toBe(3);
    expect(await two.sessions.count('crowd')).toBe(3);
  });
});
