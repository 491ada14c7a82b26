import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { clientOf } from '../../support/ask.js';
import { commandStats, growth } from '../../support/commands.js';
import { outcomeOf, reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let server: Redis;
let on: SessionsUnderTest;
beforeEach(async () => {
  redis = await startRedis();
  server = clientOf(redis, 10_000);
  on = await openSessions({ redis: redis.url, keyPrefix: 'p:', commandTimeout: 10_000, sessions: { touchInterval: '1 ms' } });
});
afterEach(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});

/** One call of every script, on sessions of a user; with a tenant its epoch is asked, too. */
async function everyScript(user: string, tenant?: string): Promise<void> {
  const { sessions } = on;
  const of = tenant === undefined ? {} : { tenant };
  const first = await sessions.create(user, { ...of, data: { a: 1 } });
  await sessions.verify(first.accessToken, { data: true });
  const second = await sessions.refresh(first.refreshToken);
  expect(await sessions.get(first.sessionId)).not.toBeNull();
  expect(await sessions.list(user, of)).toHaveLength(1);
  expect(await sessions.count(user, of)).toBe(1);
  expect(await sessions.update(first.sessionId, { b: 2 })).toMatchObject({ data: { a: 1, b: 2 } });
  expect(await sessions.touch(first.sessionId)).toBe(true);
  const third = (await sessions.reauthenticated(first.sessionId))!;
  await sessions.verify(second.accessToken);
  const fourth = (await sessions.regenerate(first.sessionId))!;
  expect(await reasonOf(sessions.refresh(third.refreshToken))).toBe('invalid');
  expect(await sessions.revoke(fourth.sessionId)).toBe(true);
  const last = await sessions.create(user, of);
  expect(await sessions.logout(last.refreshToken)).toBe(true);
  await sessions.create(user, of);
  if (tenant === undefined) expect(await sessions.revokeAll(user)).toBe(1);
  else await sessions.revokeTenant(tenant);
  expect(await sessions.count(user, of)).toBe(0);
}

describe('a server that forgets its scripts', () => {
  it('is told them again, after each call and in the middle of a load, and no caller notices', async () => {
    let flushing = true;
    let flushes = 0;
    const flush = (async () => {
      while (flushing) {
        await server.script('FLUSH', 'SYNC');
        flushes++;
      }
    })();
    const before = await commandStats(redis);
    const runs = [];
    for (let user = 0; user < 40; user++) runs.push(everyScript(`user-${user}`, user % 2 === 0 ? undefined : `tenant-${user}`));
    await Promise.all(runs).finally(() => (flushing = false));
    await flush;
    const { eval: retold = 0 } = growth(before, await commandStats(redis));
    expect(flushes).toBeGreaterThan(10);
    expect(retold).toBeGreaterThan(100);
    expect(await withoutTtl(redis)).toEqual([]);
  });
});

describe('the very same call again, as a driver sends it that lost the reply', () => {
  /** Sends each script call of the instance twice; the second reply is what the caller gets. */
  function sendTwice(): void {
    const { client } = on.connection;
    const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(client, {
      evalsha: async (...args: unknown[]) => {
        await evalsha(...args);
        return evalsha(...args);
      },
    });
  }

  it('changes nothing and answers as the first did', async () => {
    await everyScript('warm');
    sendTwice();
    const { sessions } = on;
    const first = await sessions.create('ann', { data: { a: 1 } });
    await sessions.verify(first.accessToken);
    expect(await sessions.count('ann')).toBe(1);
    const second = await sessions.refresh(first.refreshToken);
    expect((await sessions.get(first.sessionId))?.generation).toBe(2);
    const third = (await sessions.reauthenticated(first.sessionId))!;
    const fourth = await sessions.refresh(third.refreshToken);
    const fifth = (await sessions.regenerate(first.sessionId))!;
    await sessions.verify(fifth.accessToken);
    await sessions.refresh(fifth.refreshToken);
    expect(await sessions.count('ann')).toBe(1);
    expect(await sessions.update(fifth.sessionId, { a: 2 })).toMatchObject({ data: { a: 2 } });
    expect(await reasonOf(sessions.refresh(second.refreshToken))).toBe('invalid');
    expect(await reasonOf(sessions.refresh(fourth.refreshToken))).toBe('invalid');
    await sessions.revoke(fifth.sessionId);
    expect(await sessions.count('ann')).toBe(0);
    expect(await reasonOf(sessions.verify(fifth.accessToken))).toBe('revoked');
  });

  it('a sign-in at the limit evicts once', async () => {
    await using one = await openSessions({ redis: redis.url, keyPrefix: 'p:', sessions: { limit: 2 } });
    await one.sessions.create('bob');
    const kept = await one.sessions.create('bob');
    await on[Symbol.asyncDispose]();
    on = one;
    sendTwice();
    const fresh = await one.sessions.create('bob');
    expect((await one.sessions.list('bob')).map(({ sessionId }) => sessionId)).toEqual([kept.sessionId, fresh.sessionId]);
  });
});

describe('a foreign key of another type', () => {
  /** Every method that looks at the record or the index of a session. */
  function calls(pair: { sessionId: string; accessToken: string; refreshToken: string }): Record<string, () => Promise<unknown>> {
    const { sessions } = on;
    return {
      verify: () => sessions.verify(pair.accessToken, { data: true }),
      refresh: () => sessions.refresh(pair.refreshToken),
      get: () => sessions.get(pair.sessionId),
      update: () => sessions.update(pair.sessionId, { a: 1 }),
      touch: () => sessions.touch(pair.sessionId),
      regenerate: () => sessions.regenerate(pair.sessionId),
      reauthenticated: () => sessions.reauthenticated(pair.sessionId),
      revoke: () => sessions.revoke(pair.sessionId),
      logout: () => sessions.logout(pair.accessToken),
      list: () => sessions.list('ann'),
      count: () => sessions.count('ann'),
      revokeAll: () => sessions.revokeAll('ann'),
      create: () => sessions.create('ann', { data: { a: 1 } }),
      'create again': () => sessions.create('ann', { requestId: 'once' }),
    };
  }

  const BY_RECORD = [
    'refresh',
    'get',
    'update',
    'touch',
    'regenerate',
    'reauthenticated',
    'revoke',
    'logout',
    'list',
    'count',
    'revokeAll',
  ];
  const BY_INDEX = ['create', 'create again', 'verify', ...BY_RECORD];

  it.each([
    ['record', 's:', [...BY_RECORD, 'verify']],
    ['index', 'u:', BY_INDEX],
    ['answer to a request', 'r:', ['create again']],
  ])('in place of the %s: a typed error, and nothing is half-written', async (_what, kind, affected) => {
    await on[Symbol.asyncDispose]();
    on = await openSessions({ redis: redis.url, keyPrefix: 'p:', sessions: { touchInterval: '1 ms', revocation: 'remote' } });
    const pair = await on.sessions.create('ann', { requestId: 'once' });
    const [key] = await server.keys(`p:${kind}*`);
    await server.del(key!);
    await server.rpush(key!, 'foreign');
    await server.pexpire(key!, 60_000);
    const before = await dump();
    for (const name of affected) {
      const { error } = await outcomeOf(calls(pair)[name]!());
      expect(error, name).toBeInstanceOf(StoreUnavailableError);
      // From within a script: that nothing was written before cannot be told from the error.
      expect(error, name).toMatchObject({ ambiguous: true });
      expect(await dump(), name).toEqual(before);
    }
    expect(await withoutTtl(redis)).toEqual([]);
    // no other user is concerned
    await everyScript('bob');
  });

  it('in place of the index of a tenant: the sign-in is an error and leaves nothing', async () => {
    await on.sessions.create('ann', { tenant: 'acme' });
    const [key] = await server.keys('p:u:*');
    await server.del(key!);
    await server.rpush(key!, 'foreign');
    await server.pexpire(key!, 60_000);
    const before = await dump();
    const { error } = await outcomeOf(on.sessions.create('ann', { tenant: 'acme' }));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(await dump()).toEqual(before);
  });

  it('in place of the record: what is revoked all the same is refused by every instance that need not ask Redis', async () => {
    await using other = await openSessions({ redis: redis.url, keyPrefix: 'p:' });
    const pair = await on.sessions.create('ann');
    const [key] = await server.keys('p:s:*');
    await server.del(key!);
    await server.rpush(key!, 'foreign');
    await server.pexpire(key!, 60_000);
    const { error } = await outcomeOf(on.sessions.revoke(pair.sessionId));
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
    expect(await reasonOf(on.sessions.verify(pair.accessToken))).toBe('revoked');
    await until(async () => (await reasonOf(other.sessions.verify(pair.accessToken))) === 'revoked', { within: 500, every: 1 });
  });

  /** Every key with its content, but for the feed: that is told of a revocation before the session is looked at. */
  async function dump(): Promise<Record<string, string>> {
    const keys = (await server.keys('*')).filter((key) => !key.startsWith('p:f:{feed}')).toSorted();
    const entries = await Promise.all(keys.map(async (key) => [key, (await server.dumpBuffer(key))!.toString('latin1')] as const));
    return Object.fromEntries(entries);
  }
});

describe('S7 keys of others', () => {
  it('survive whatever ids come', async () => {
    const foreign = { 'app:config': 'x', 'cache:1': 'y', 's:{abcdef}x': 'z', 'p:': 'w' };
    await server.mset(foreign);
    for (const id of ['app', '*', 'app:config', '{}', '?', '[a-z]', '\\', 'a b', 'p:s:{abcdef}x', '\n', '\0', '__proto__']) {
      await everyScript(id);
      await everyScript(id, id);
    }
    expect(await server.mget(Object.keys(foreign))).toEqual(Object.values(foreign));
    expect((await server.keys('*')).filter((key) => !key.startsWith('p:')).toSorted()).toEqual(['app:config', 'cache:1', 's:{abcdef}x']);
  });
});
