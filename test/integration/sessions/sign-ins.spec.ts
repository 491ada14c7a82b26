import { describe, expect, inject, it } from 'vitest';
import { ask } from '../../support/ask.js';
import { EventsHeard, reasonOf, refused } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

describe.each(['local', 'remote'] as const)('sign-ins at once, where revocation is %s', (revocation) => {
  it.each([
    ['S6 32 with limit 1 leave one session', 32, 1],
    ['100 with limit 3 leave three', 100, 3],
  ])('%s, and an index of exactly that', async (_what, signIns, limit) => {
    const options = testOptions({ redis: inject('redisUrl'), commandTimeout: 10_000, sessions: { limit, revocation } });
    await using one = await openSessions(options);
    await using two = await openSessions(options);
    const calls = Array.from({ length: signIns }, (_, n) => (n % 2 === 0 ? one : two).sessions.create('eve'));
    const pairs = await Promise.all(calls);
    const verified = () => Promise.all(pairs.map(({ accessToken }) => reasonOf(one.sessions.verify(accessToken))));
    if (revocation === 'local') {
      const isHeard = async () => (await verified()).filter((answer) => answer === 'evicted').length >= signIns - limit;
      await until(isHeard, { within: 500, what: 'what was evicted on the other instance is refused on this one' });
    }
    const answers = await verified();
    expect(answers.filter((answer) => answer === 'resolved')).toHaveLength(limit);
    expect(answers.filter((answer) => answer === 'evicted')).toHaveLength(signIns - limit);
    expect(await two.sessions.list('eve')).toHaveLength(limit);
    expect(await ask(inject('redisUrl'), (client) => client.keys(`${options.keyPrefix}u:*`))).toHaveLength(1);
    const [index] = await ask(inject('redisUrl'), (client) => client.keys(`${options.keyPrefix}u:*`));
    // beside them the epoch of the user
    expect(await ask(inject('redisUrl'), (client) => client.zcard(index!))).toBe(limit + 1);
  });
});

describe('sign-ins at once', () => {
  it('evict the oldest by order, even within one millisecond', async () => {
    await using on = await openSessions({ redis: inject('redisUrl'), commandTimeout: 10_000, sessions: { limit: 5 } });
    using events = await EventsHeard.of(on.sessions);
    // sent in one write, so that many of them share a millisecond
    await Promise.all(Array.from({ length: 200 }, () => on.sessions.create('fay')));
    const told = await events.untilNow();
    const created = told.filter(({ type }) => type === 'created');
    const evicted = told.filter(({ type }) => type === 'evicted');
    expect(created.some(({ at }, n) => n > 0 && at.getTime() === created[n - 1]!.at.getTime())).toBe(true);
    expect(evicted.map(({ sessionId }) => sessionId)).toEqual(created.slice(0, 195).map(({ sessionId }) => sessionId));
    expect((await on.sessions.list('fay')).map(({ sessionId }) => sessionId)).toEqual(created.slice(195).map(({ sessionId }) => sessionId));
  });

  it('over the limit with reject: as many as the limit get in, the others an error', async () => {
    await using on = await openSessions({ redis: inject('redisUrl'), sessions: { limit: { max: 3, onExceeded: 'reject' } } });
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => on.sessions.create('gus')));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_SESSION_LIMIT', limit: 3 });
    expect(await on.sessions.count('gus')).toBe(3);
  });
});

describe.each(['local', 'remote'] as const)('within the same second, where revocation is %s,', (revocation) => {
  it.each([
    ['revokeAll', undefined, false],
    ['revokeAll with except', undefined, true],
    ['revokeAll of a tenant user', 'acme', false],
    ['revokeTenant', 'acme', false],
  ])('%s refuses the old tokens and accepts those of a new sign-in', async (what, tenant, spare) => {
    const options = testOptions({ redis: inject('redisUrl'), sessions: { revocation } });
    await using on = await openSessions(options);
    await using other = await openSessions(options);
    const of = tenant === undefined ? {} : { tenant };
    let sameSecond = 0;
    for (let round = 0; round < 20; round++) {
      const began = Math.floor(Date.now() / 1000);
      const old = await on.sessions.create('hal', of);
      const kept = spare ? await on.sessions.create('hal') : undefined;
      if (what === 'revokeTenant') await other.sessions.revokeTenant('acme');
      else await other.sessions.revokeAll('hal', { ...of, ...(kept && { except: kept.sessionId }) });
      if (revocation === 'local') await refused(on, old.accessToken);
      expect(await reasonOf(on.sessions.verify(old.accessToken))).toBe('revoked');
      const fresh = await on.sessions.create('hal', of);
      if (Math.floor(Date.now() / 1000) === began) sameSecond++;
      expect(await reasonOf(other.sessions.verify(old.accessToken))).toBe('revoked');
      expect(await reasonOf(on.sessions.refresh(old.refreshToken))).toBe('revoked');
      await other.sessions.verify(fresh.accessToken);
      await other.sessions.verify((await on.sessions.refresh(fresh.refreshToken)).accessToken);
      if (kept) {
        await on.sessions.verify(kept.accessToken);
        await on.sessions.refresh(kept.refreshToken);
      }
      expect(await other.sessions.revokeAll('hal', of)).toBe(spare ? 2 : 1);
    }
    expect(sameSecond).toBeGreaterThan(0);
  });
});

describe('beside each other', () => {
  it('sign-ins with the same requestId are one, and all get its refresh token', async () => {
    const options = testOptions({ redis: inject('redisUrl'), sessions: { limit: { max: 1, onExceeded: 'reject' } } });
    await using one = await openSessions(options);
    await using two = await openSessions(options);
    for (const of of [{}, { tenant: 'acme' }]) {
      const calls = Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? one : two).sessions.create('ivy', { ...of, requestId: 'once' }));
      const pairs = await Promise.all(calls);
      expect(new Set(pairs.map(({ refreshToken }) => refreshToken)).size).toBe(1);
      expect(await one.sessions.count('ivy', of)).toBe(1);
      await two.sessions.verify(pairs[7]!.accessToken);
      await one.sessions.refresh(pairs[0]!.refreshToken);
    }
  });

  it('sign-ins and revokeTenant: what was there before has ended, what comes after stays', async () => {
    const options = testOptions({ redis: inject('redisUrl') });
    await using one = await openSessions(options);
    await using two = await openSessions(options);
    for (let round = 0; round < 10; round++) {
      const signIns = (service: SessionsUnderTest, many: number) =>
        Array.from({ length: many }, (_, n) => service.sessions.create(`user-${n % 5}`, { tenant: 'acme' }));
      const before = await Promise.all(signIns(one, 10));
      const during = Promise.all([...signIns(one, 10), ...signIns(two, 10)]);
      await two.sessions.revokeTenant('acme');
      const after = await Promise.all(signIns(one, 10));
      const inBetween = await during;
      // ended by that instance itself
      for (const { accessToken } of before) expect(await reasonOf(two.sessions.verify(accessToken))).toBe('revoked');
      for (const { accessToken } of after) await two.sessions.verify(accessToken);
      for (const { accessToken } of before) await refused(one, accessToken);
      const reasons = await Promise.all(inBetween.map(({ accessToken }) => reasonOf(one.sessions.verify(accessToken))));
      for (const reason of reasons) expect(['resolved', 'revoked']).toContain(reason);
      const live = (await Promise.all([0, 1, 2, 3, 4].map((n) => two.sessions.count(`user-${n}`, { tenant: 'acme' })))).reduce(
        (a, b) => a + b,
      );
      expect(live).toBe(after.length + reasons.filter((reason) => reason === 'resolved').length);
      await one.sessions.revokeTenant('acme');
    }
  });
});
