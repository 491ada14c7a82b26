import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Logger } from '@nestjs/common';
import type { SessionEvent } from '../../../lib/sessions/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { FaultProxy } from '../../support/proxy.js';
import { EventsHeard } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

/** What an instance hears once it is subscribed, which it may not be yet. */
function follow({ sessions }: SessionsUnderTest): SessionEvent[] {
  const heard: SessionEvent[] = [];
  sessions.events.subscribe((event) => heard.push(event));
  return heard;
}

/** Everything that was published before this call has been heard after it: messages of a channel keep their order. */
async function settled(on: SessionsUnderTest, ...heard: SessionEvent[][]): Promise<void> {
  const { sessionId } = await on.sessions.create('the last');
  for (const events of heard) {
    await until(() => events.some((event) => event.sessionId === sessionId), { what: 'the last event' });
    events.splice(events.findIndex((event) => event.sessionId === sessionId));
  }
}

/** What instances of one prefix hear, from now on. */
async function listen<On extends SessionsUnderTest[]>(...instances: On): Promise<{ [Each in keyof On]: SessionEvent[] }> {
  const heard = instances.map(follow);
  for (const { sessions } of instances) (await EventsHeard.of(sessions))[Symbol.dispose]();
  await settled(instances[0]!, ...heard);
  for (const events of heard) events.length = 0;
  return heard as { [Each in keyof On]: SessionEvent[] };
}

/** Connections that hear of expired keys. */
async function listeners(server: TestRedis): Promise<number> {
  return String(await ask(server, (client) => client.client('LIST'))).match(/ psub=1 /g)?.length ?? 0;
}

const told = (events: SessionEvent[]): string[] =>
  events.map(({ type, userId, reason }) => [type, userId, reason].filter(Boolean).join(' '));

describe('session events', () => {
  let here: SessionsUnderTest;
  let there: SessionsUnderTest;
  let heard: SessionEvent[];
  let heardThere: SessionEvent[];

  beforeEach(async () => {
    const options = { redis: inject('redisUrl'), keyPrefix: uniquePrefix(), sessions: { touchInterval: '1h' } };
    [here, there] = await Promise.all([openSessions(options), openSessions(options)]);
    [heard, heardThere] = await listen(here, there);
  });
  afterEach(async () => {
    await Promise.all([here[Symbol.asyncDispose](), there[Symbol.asyncDispose]()]);
  });
  const all = (): Promise<void> => settled(here, heard, heardThere);

  it('reach every instance once, with who, which and when', async () => {
    const before = Date.now();
    const { sessionId, refreshToken } = await here.sessions.create('ann', { tenant: 'acme' });
    await there.sessions.refresh(refreshToken);
    await here.sessions.revoke(sessionId, 'lost  phone\n"x"');
    await all();
    expect(heard).toEqual(heardThere);
    const common = { sessionId, userId: 'ann', tenant: 'acme', at: expect.any(Date) as Date };
    expect(heard).toEqual([
      { type: 'created', ...common },
      { type: 'refreshed', ...common },
      { type: 'revoked', ...common, reason: 'lost  phone\n"x"' },
    ]);
    for (const { at } of heard) {
      expect(at.getTime()).toBeGreaterThanOrEqual(before - 5);
      expect(at.getTime()).toBeLessThanOrEqual(Date.now() + 5);
    }
    expect(heard[0]).not.toHaveProperty('reason');
  });

  it('say why a session ended', async () => {
    const first = await here.sessions.create('bob');
    await there.sessions.logout(first.refreshToken);
    const second = await here.sessions.create('bob');
    await there.sessions.logout(second.accessToken);
    const third = await here.sessions.create('bob');
    await there.sessions.revoke(third.sessionId);
    await Promise.all([here.sessions.create('bob'), here.sessions.create('bob')]);
    await there.sessions.revokeAll('bob');
    await all();
    expect(heard).toEqual(heardThere);
    expect(told(heard).filter((text) => text.startsWith('revoked'))).toEqual([
      'revoked bob logout',
      'revoked bob logout',
      'revoked bob',
      'revoked bob revoke-all',
      'revoked bob revoke-all',
    ]);
  });

  it('tell a reuse once, with both generations and no tenant where there is none', async () => {
    const first = await here.sessions.create('cat');
    const second = await here.sessions.refresh(first.refreshToken);
    await here.sessions.refresh(second.refreshToken);
    await Promise.allSettled(Array.from({ length: 10 }, (_, n) => (n % 2 ? here : there).sessions.refresh(first.refreshToken)));
    await all();
    expect(heard).toEqual(heardThere);
    expect(heard.slice(3)).toEqual([
      {
        type: 'reuse-detected',
        sessionId: first.sessionId,
        userId: 'cat',
        at: expect.any(Date) as Date,
        generation: { presented: 1, current: 3 },
      },
    ]);
  });

  it('tell an eviction before the sign-in that caused it', async () => {
    await using strict = await openSessions({ redis: inject('redisUrl'), keyPrefix: here.keyPrefix, sessions: { limit: 1 } });
    const first = await strict.sessions.create('dan');
    const second = await strict.sessions.create('dan');
    await all();
    expect(heard.map(({ type, sessionId }) => [type, sessionId])).toEqual([
      ['created', first.sessionId],
      ['evicted', first.sessionId],
      ['created', second.sessionId],
    ]);
  });

  it('tell regenerate as the end of one session and the start of another, reauthenticated not at all', async () => {
    const { sessionId } = await here.sessions.create('eve');
    const next = (await there.sessions.regenerate(sessionId))!;
    await there.sessions.reauthenticated(next.sessionId);
    await all();
    expect(heard.slice(1).map(({ type, sessionId: id, reason }) => [type, id, reason])).toEqual([
      ['revoked', sessionId, 'regenerated'],
      ['created', next.sessionId, undefined],
    ]);
  });

  it('tell nothing for what changes nothing', async () => {
    const tokens = await here.sessions.create('fay');
    await here.sessions.refresh(tokens.refreshToken);
    await here.sessions.revoke((await here.sessions.create('fay')).sessionId);
    await all();
    const before = heard.length;
    await there.sessions.refresh(tokens.refreshToken); // within the leeway
    await here.sessions.touch(tokens.sessionId);
    await here.sessions.touch(tokens.sessionId); // throttled
    await here.sessions.verify(tokens.accessToken);
    await here.sessions.get(tokens.sessionId);
    await here.sessions.list('fay');
    await here.sessions.update(tokens.sessionId, { a: 1 });
    await here.sessions.revoke('Ab3_-9abcdefghijklmnopqrstuv');
    await here.sessions.logout('rubbish');
    await here.sessions.revokeAll('nobody');
    await all();
    expect(heard.slice(before)).toEqual([]);
    const repeat = { requestId: 'r' };
    await here.sessions.create('fay', repeat);
    await there.sessions.create('fay', repeat);
    await all();
    expect(told(heard.slice(before))).toEqual(['created fay']);
  });

  it('tell an expiry once, when it is noticed', async () => {
    const { sessionId } = await here.sessions.create('gus', { idleTimeout: '60 ms' });
    await until(() => here.sessions.count('gus').then((count) => count === 0));
    await Promise.all([
      there.sessions.list('gus'),
      there.sessions.get(sessionId),
      here.sessions.touch(sessionId),
      here.sessions.count('gus'),
    ]);
    await all();
    expect(told(heard)).toEqual(['created gus', 'expired gus']);
    expect(heardThere).toEqual(heard);
  });

  it('an expiry that only the holder of the refresh token notices is told, too', async () => {
    const { refreshToken } = await here.sessions.create('hal', { idleTimeout: '60 ms' });
    const reason = (): Promise<unknown> =>
      here.sessions.refresh(refreshToken).then(
        () => 'refreshed',
        ({ reason: why }) => why as unknown,
      );
    // Looked at long after: 60 ms and an eighth is when nothing of the session's user would be needed any more.
    const due = Date.now() + 150;
    await until(() => Date.now() > due);
    expect(await reason()).toBe('expired');
    expect(await reason()).toBe('expired');
    await all();
    expect(told(heard)).toEqual(['created hal', 'expired hal']);
  });

  it('go to each of several listeners, and no longer to one that left', async () => {
    const second: SessionEvent[] = [];
    const subscription = here.sessions.events.subscribe((event) => second.push(event));
    await here.sessions.create('ivy');
    await all();
    expect(told(second).slice(0, 1)).toEqual(['created ivy']);
    const count = second.length;
    subscription.unsubscribe();
    await here.sessions.create('ivy');
    await all();
    expect(second).toHaveLength(count);
    expect(told(heard)).toEqual(['created ivy', 'created ivy']);
  });

  it('end when the instance is closed', async () => {
    await using one = await openSessions({ redis: inject('redisUrl') });
    let completed = false;
    one.sessions.events.subscribe({ complete: () => (completed = true) });
    one.sessions.close();
    expect(completed).toBe(true);
  });

  it('of another prefix are not heard, nor is what others publish', async () => {
    await using other = await openSessions({ redis: inject('redisUrl') });
    await other.sessions.create('joe');
    for (const message of ['', 'created', `created ${'a'.repeat(28)} %E0%A4%A 1 - - `, '{}']) {
      await ask(inject('redisUrl'), (client) => client.publish(`${here.keyPrefix}events`, message));
    }
    await all();
    expect(heard).toEqual([]);
  });
});

describe('session events after a fault', () => {
  it('arrive again once the link is back; those in between are lost, none is told twice', async () => {
    await using redis = await startRedis();
    await using proxy = await FaultProxy.open(redis.url);
    const keyPrefix = uniquePrefix();
    await using near = await openSessions({ redis: redis.url, keyPrefix });
    await using far = await openSessions({ redis: proxy.url, keyPrefix });
    const [heard] = await listen(far);
    await near.sessions.create('one');
    await until(() => heard.length === 1);
    await proxy.refuse();
    await near.sessions.create('two');
    await proxy.heal();
    await until(() => ask(redis, (client) => client.pubsub('NUMSUB', `${keyPrefix}events`)).then(([, count]) => count === 1), {
      what: 'the link subscribes again',
    });
    await near.sessions.create('three');
    await until(() => heard.some(({ userId }) => userId === 'three'));
    expect(told(heard)).toEqual(['created one', 'created three']);
  });

  it('somebody who listens while Redis is down hears what comes after', async () => {
    await using redis = await startRedis();
    const keyPrefix = uniquePrefix();
    await redis.kill();
    Logger.overrideLogger(false);
    await using on = await openSessions({ redis: redis.url, keyPrefix, commandTimeout: 500 });
    const heard = follow(on);
    await expect(on.sessions.create('one')).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    await redis.restart();
    await until(() => ask(redis, (client) => client.pubsub('NUMSUB', `${keyPrefix}events`)).then(([, count]) => count === 1));
    // the same one, also where only the answer to the first try came too late
    await until(() => on.sessions.create('two', { requestId: 'two' }));
    await until(() => heard.length > 0);
    expect(told(heard)).toEqual(['created two']);
  });
});

describe('sessions.keyspaceNotifications', () => {
  it('J16 makes an expiry known at once, on every instance, once', async () => {
    await using redis = await startRedis();
    const options = { redis: redis.url, keyPrefix: uniquePrefix(), sessions: { keyspaceNotifications: true } };
    await using here = await openSessions(options);
    await using there = await openSessions(options);
    const [heard, heardThere] = await listen(here, there);
    await until(async () => (await listeners(redis)) === 2);
    await here.sessions.create('bob', { idleTimeout: '1m' });
    await here.sessions.create('ann', { idleTimeout: '150 ms', tenant: 'acme' });
    // Nobody asks for the session.
    await until(() => heard.length === 3 && heardThere.length === 3);
    await there.sessions.count('ann', { tenant: 'acme' });
    await settled(here, heard, heardThere);
    expect(told(heard)).toEqual(['created bob', 'created ann', 'expired ann']);
    expect(heardThere).toEqual(heard);
    expect(heard[2]).toMatchObject({ tenant: 'acme' });
  });

  it('J16 a session that is kept in use or ended is not told as expired', async () => {
    await using redis = await startRedis();
    await using on = await openSessions({ redis: redis.url, sessions: { keyspaceNotifications: true } });
    const [heard] = await listen(on);
    await until(async () => (await listeners(redis)) === 1);
    const ended = await on.sessions.create('ann', { idleTimeout: '1 s' });
    const kept = await on.sessions.create('bob', { idleTimeout: '2 s', absoluteTimeout: '5 s' });
    await on.sessions.revoke(ended.sessionId);
    let { refreshToken } = kept;
    const start = Date.now();
    await until(
      async () => {
        ({ refreshToken } = await on.sessions.refresh(refreshToken));
        return Date.now() - start > 2_500;
      },
      { every: 50 },
    );
    expect(told(heard)).not.toContain('expired bob');
    await until(() => told(heard).includes('expired bob'));
    expect(told(heard)).not.toContain('expired ann');
  });

  it('J16 keeps the notifications that the server already had switched on', async () => {
    await using redis = await startRedis({ config: ['notify-keyspace-events Kl'] });
    await using on = await openSessions({ redis: redis.url, sessions: { keyspaceNotifications: true } });
    const flags = (): Promise<string> =>
      ask(redis, async (client) => ((await client.config('GET', 'notify-keyspace-events')) as string[])[1]!);
    await until(async () => (await flags()).includes('x'));
    expect([...(await flags())].sort().join('')).toBe('EKlx');
    await on.sessions.count('x');
  });
});
