import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../lib/errors/index.js';
import { LOSSY_WAYS, type LossyWay, retried, withLostReply } from '../support/lossy-ways.js';
import { isOfFeed, isWordToFeed } from '../support/feed.js';
import { EventsHeard, reasonOf } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';

/** What changes sessions, and not what tells others of it. */
const isOfState = (args: string[]): boolean => args[0]?.toLowerCase() === 'evalsha' && !isOfFeed(args) && !isWordToFeed(args);

describe.each(Object.keys(LOSSY_WAYS))('a reply that is lost on the way from %s', (name) => {
  let way: LossyWay;
  let on: SessionsUnderTest;
  let observer: SessionsUnderTest;
  let sessions: SessionsUnderTest['sessions'];
  beforeAll(async () => {
    way = await LOSSY_WAYS[name]!();
    const options = testOptions({ redis: way.redis, sessions: { touchInterval: '1 ms' } });
    on = await openSessions(options);
    observer = await openSessions(options);
    ({ sessions } = on);
  });
  afterAll(async () => {
    await on?.[Symbol.asyncDispose]();
    await observer?.[Symbol.asyncDispose]();
    await way?.[Symbol.asyncDispose]();
  });

  /** The call whose reply is lost, and then what a client does: the same again, as soon as there is a connection. */
  async function twice<T>(call: () => Promise<T>): Promise<T> {
    const error = await withLostReply(way, call, isOfState);
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ ambiguous: true });
    return retried(call);
  }

  it('of refresh, 100 times: the retry with the old token gets a working pair, and nothing is revoked', { timeout: 180_000 }, async () => {
    using events = await EventsHeard.of(observer.sessions);
    const users = ['ann', 'bob', 'cat', 'dan', 'eve'];
    await Promise.all(
      users.map(async (user) => {
        // the servers get to know the script
        await sessions.refresh((await sessions.create(user)).refreshToken);
      }),
    );
    for (const user of users) {
      let pair = await sessions.create(user);
      for (let round = 0; round < 20; round++) {
        const { refreshToken } = pair;
        pair = await twice(() => sessions.refresh(refreshToken));
        expect(pair.refreshToken).not.toBe(refreshToken);
        await sessions.verify(pair.accessToken);
      }
      expect((await sessions.get(pair.sessionId))?.generation).toBe(21);
    }
    const ends = (await events.untilNow()).filter(({ type }) => type !== 'created' && type !== 'refreshed');
    expect(ends).toEqual([]);
  });

  it('of create with a requestId: the retry gets the one session that there is', async () => {
    await sessions.create('fay', { requestId: 'warm' });
    await sessions.revokeAll('fay');
    for (let round = 0; round < 5; round++) {
      const pair = await twice(() => sessions.create('fay', { requestId: `round-${round}`, data: { round } }));
      expect((await sessions.list('fay')).map(({ sessionId }) => sessionId)).toEqual([pair.sessionId]);
      await sessions.verify(pair.accessToken);
      await sessions.refresh(pair.refreshToken);
      expect(await sessions.revokeAll('fay')).toBe(1);
    }
  });

  it('of an end: the session has ended, once, and the retry says that it had', async () => {
    const ends: ((pair: { sessionId: string; accessToken: string; refreshToken: string }) => Promise<boolean | number>)[] = [
      ({ sessionId }) => sessions.revoke(sessionId),
      ({ accessToken }) => sessions.logout(accessToken),
      ({ refreshToken }) => sessions.logout(refreshToken),
      () => sessions.revokeAll('gus'),
    ];
    for (const end of ends) {
      await end(await sessions.create('gus'));
      const pair = await sessions.create('gus');
      expect(Number(await twice(() => end(pair)))).toBe(0);
      expect(await reasonOf(sessions.verify(pair.accessToken))).toBe('revoked');
      expect(await sessions.count('gus')).toBe(0);
    }
  });

  it('of the word to the others: the retry tells them, and ends what has not ended yet', async () => {
    const ends: [(pair: { sessionId: string; accessToken: string; refreshToken: string }) => Promise<boolean | number>, left: number][] = [
      // told first: it has not ended yet
      [({ sessionId }) => sessions.revoke(sessionId), 1],
      [({ accessToken }) => sessions.logout(accessToken), 1],
      // told then: it had ended
      [({ refreshToken }) => sessions.logout(refreshToken), 0],
      [() => sessions.revokeAll('gus'), 0],
    ];
    for (const [end, left] of ends) {
      const pair = await sessions.create('gus');
      const error = await withLostReply(way, () => end(pair), isWordToFeed);
      expect(error).toMatchObject({ ambiguous: true });
      // of a Cluster the feed's node may still be away when the retry tells it, and then that was in doubt once more
      expect([name === 'one server' ? left : 0, left]).toContain(Number(await retried(() => end(pair))));
      for (const { sessions: each } of [on, observer]) {
        await until(async () => (await reasonOf(each.verify(pair.accessToken))) === 'revoked', { within: 2_000 });
      }
      expect(await sessions.count('gus')).toBe(0);
    }
  });

  it('of revokeTenant: the old sessions have ended, and the retry ends what signed in since', async () => {
    await sessions.revokeTenant('acme');
    const pair = await sessions.create('hal', { tenant: 'acme' });
    await twice(() => sessions.revokeTenant('acme'));
    expect(await reasonOf(sessions.verify(pair.accessToken))).toBe('revoked');
    const fresh = await sessions.create('hal', { tenant: 'acme' });
    await sessions.verify(fresh.accessToken);
  });

  it('of touch and update: both are done, and the retry does no harm', async () => {
    const other = await sessions.create('ivy');
    await sessions.touch(other.sessionId);
    await sessions.update(other.sessionId, {});
    const pair = await sessions.create('ivy', { data: { a: 1, b: 1 } });
    expect(await twice(() => sessions.touch(pair.sessionId))).toBe(true);
    expect(await twice(() => sessions.update(pair.sessionId, { a: null, c: 3 }))).toMatchObject({ data: { b: 1, c: 3 } });
    // the version tells the caller whose reply was lost what has happened
    const { version } = (await sessions.get(pair.sessionId))!;
    await expect(twice(() => sessions.update(pair.sessionId, { b: 2 }, { ifVersion: version }))).rejects.toMatchObject({
      code: 'ERR_REDIS_AUTH_SESSION_CONFLICT',
      currentVersion: version + 1,
    });
    expect(await sessions.get(pair.sessionId, { data: true })).toMatchObject({ data: { b: 2, c: 3 } });
  });

  it('of reauthenticated: the retry starts a chain that works', async () => {
    const pair = await sessions.create('joe');
    await sessions.reauthenticated(pair.sessionId);
    const fresh = (await twice(() => sessions.reauthenticated(pair.sessionId)))!;
    await sessions.verify((await sessions.refresh(fresh.refreshToken)).accessToken);
    expect(await reasonOf(sessions.refresh(pair.refreshToken))).toBe('invalid');
    expect(await sessions.count('joe')).toBe(1);
  });

  it('of regenerate: the old id has ended, and there is one session, not two', async () => {
    await sessions.regenerate((await sessions.create('kim')).sessionId);
    await sessions.revokeAll('kim');
    const pair = await sessions.create('kim', { data: { a: 1 } });
    expect(await twice(() => sessions.regenerate(pair.sessionId))).toBeNull();
    expect(await reasonOf(sessions.verify(pair.accessToken))).toBe('revoked');
    const [only, ...more] = await sessions.list('kim', { data: true });
    expect(more).toEqual([]);
    expect(only).toMatchObject({ data: { a: 1 } });
    expect(only!.sessionId).not.toBe(pair.sessionId);
  });
});
