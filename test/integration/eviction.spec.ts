import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockLostError } from '../../lib/errors/index.js';
import type { SessionTokens } from '../../lib/sessions/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { guardedApp, PLATFORMS } from '../e2e/guarded-app.js';
import { clientOf } from '../support/ask.js';
import { captureLog } from '../support/open-connection.js';
import { reasonOf } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';
import { Services } from './naughty-strings/kinds.js';

const PREFIX = 'p:';

let redis: TestRedis;
let server: Redis;
beforeEach(async () => {
  captureLog();
  redis = await startRedis();
  server = clientOf(redis);
});
afterEach(async () => {
  server.disconnect();
  await redis.stop();
});

/** What a server holds, to be put back exactly so. */
class Snapshot {
  private constructor(private readonly kept: ReadonlyMap<string, { dump: Buffer; ttl: number }>) {}

  static async take(): Promise<Snapshot> {
    const names = await server.keys('*');
    const all = names.map(async (name) => [name, { dump: await server.dumpBuffer(name), ttl: await server.pttl(name) }] as const);
    return new Snapshot(new Map(await Promise.all(all)));
  }

  get names(): string[] {
    return [...this.kept.keys()].toSorted();
  }

  async restoreWithout(...evicted: readonly string[]): Promise<void> {
    const step = server.multi().flushall();
    for (const [name, { dump, ttl }] of this.kept) if (!evicted.includes(name)) step.restore(name, Math.max(0, ttl), dump);
    await step.exec();
  }
}

/** Each by itself, and each with each. */
function pairsOf(groups: readonly string[][]): string[][] {
  return groups.flatMap((one, n) => groups.slice(n).map((other) => [...one, ...other]));
}

interface SignedIn {
  readonly userId: string;
  readonly tenant?: string;
  readonly tokens: SessionTokens;
}

/** One session that ended in each of the ways there are, and some that are live beside them, of the same users and of others. */
async function populate({ sessions }: SessionsUnderTest): Promise<{ ended: SignedIn[]; live: SignedIn[] }> {
  const signIn = async (userId: string, tenant?: string, requestId?: string): Promise<SignedIn> => {
    const of = { ...(tenant !== undefined && { tenant }) };
    return { userId, ...of, tokens: await sessions.create(userId, { ...of, ...(requestId !== undefined && { requestId }) }) };
  };
  const named = await signIn('ann');
  const beside = await signIn('ann', undefined, 'once');
  await sessions.revoke(named.tokens.sessionId);
  const out = await signIn('ann');
  await sessions.logout(out.tokens.refreshToken);
  const all = await signIn('bob');
  await sessions.revokeAll('bob');
  const afterAll = await signIn('bob');
  const ofTenant = await signIn('ann', 'acme');
  await sessions.revokeTenant('acme');
  const afterTenant = await signIn('cat', 'acme');
  const replaced = await signIn('dan');
  await sessions.regenerate(replaced.tokens.sessionId);
  return { ended: [named, out, all, ofTenant, replaced], live: [beside, afterAll, afterTenant] };
}

/** No token of an ended session is good for anything, and one of a live session for nobody else's. */
async function nothingIsRevived({ sessions }: SessionsUnderTest, { ended, live }: Awaited<ReturnType<typeof populate>>): Promise<void> {
  for (const { tokens, userId, tenant } of ended) {
    expect(['revoked', 'invalid'], userId).toContain(await reasonOf(sessions.verify(tokens.accessToken)));
    expect(['revoked', 'invalid'], userId).toContain(await reasonOf(sessions.refresh(tokens.refreshToken)));
    const listed = await sessions.list(userId, tenant === undefined ? {} : { tenant });
    expect(listed.map(({ sessionId }) => sessionId)).not.toContain(tokens.sessionId);
    expect(await sessions.get(tokens.sessionId)).toBeNull();
    expect(await sessions.touch(tokens.sessionId)).toBe(false);
  }
  for (const { tokens, userId, tenant } of live) {
    const session = await sessions.verify(tokens.accessToken).catch(() => undefined);
    if (session) expect(session).toMatchObject({ userId, ...(tenant !== undefined && { tenant }), sessionId: tokens.sessionId });
    else expect(await reasonOf(sessions.refresh(tokens.refreshToken))).not.toBe('resolved');
    for (const of of await sessions.list(userId, tenant === undefined ? {} : { tenant })) expect(of).toMatchObject({ userId });
  }
}

describe('eviction of keys of sessions, whichever they are,', () => {
  const options = testOptions({ redis: '', keyPrefix: PREFIX });
  const open = (revocation: 'local' | 'remote') =>
    openSessions({ ...options, redis: redis.url, commandTimeout: 10_000, sessions: { touchInterval: '1 ms', revocation } });

  it('one at a time, and all of one kind or two: no ended session is accepted again, no user reaches another’s, also after a new sign-in', async () => {
    await using on = await open('remote');
    const all = await populate(on);
    const snapshot = await Snapshot.take();
    const kinds = ['f', 'r', 's', 't', 'u'].map((letter) => snapshot.names.filter((name) => name.startsWith(`${PREFIX}${letter}:`)));
    expect(kinds.flat().toSorted()).toEqual(snapshot.names);
    for (const evicted of [...snapshot.names.map((name) => [name]), ...pairsOf(kinds)]) {
      await snapshot.restoreWithout(...evicted);
      await nothingIsRevived(on, all);
      await Promise.all(all.ended.map(({ userId, tenant }) => on.sessions.create(userId, { ...(tenant !== undefined && { tenant }) })));
      for (const { tokens, userId } of all.ended) {
        expect(['revoked', 'invalid'], `${userId}, without ${evicted.join()}`).toContain(
          await reasonOf(on.sessions.verify(tokens.accessToken)),
        );
      }
    }
  });

  it('one at a time: an instance that begins later accepts none of them either', async () => {
    const { all, snapshot } = await (async () => {
      await using on = await open('local');
      return { all: await populate(on), snapshot: await Snapshot.take() };
    })();
    for (const evicted of snapshot.names) {
      await snapshot.restoreWithout(evicted);
      await using late = await open('local');
      await nothingIsRevived(late, all);
    }
  });

  it.each(['allkeys-lru', 'volatile-ttl'])('by Redis itself, %s: absent means refused', async (policy) => {
    await using on = await open('remote');
    const { sessions } = on;
    const all = await populate(on);
    await server.config('SET', 'maxmemory-policy', policy);
    const used = Number(/used_memory:(\d+)/.exec(await server.info('memory'))![1]);
    await server.config('SET', 'maxmemory', String(used + 500_000));
    const data = { filler: 'x'.repeat(500) };
    const made: SignedIn[] = [];
    for (let batch = 0; batch < 16; batch++) {
      const users = Array.from({ length: 50 }, (_, n) => `user-${batch}-${n}`);
      made.push(...(await Promise.all(users.map(async (userId) => ({ userId, tokens: await sessions.create(userId, { data }) })))));
    }
    const found = { accepted: 0, refused: 0 };
    await Promise.all(
      made.map(async ({ userId, tokens }) => {
        const session = await sessions.verify(tokens.accessToken, { data: true }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_TOKEN', reason: 'invalid' });
        });
        if (session) expect(session).toMatchObject({ userId, data });
        found[session ? 'accepted' : 'refused'] += 1;
      }),
    );
    expect(found.refused).toBeGreaterThan(100);
    expect(found.accepted).toBeGreaterThan(100);
    for (const { tokens } of all.ended) {
      expect(['revoked', 'invalid']).toContain(await reasonOf(sessions.verify(tokens.accessToken)));
      expect(['revoked', 'invalid']).toContain(await reasonOf(sessions.refresh(tokens.refreshToken)));
    }
  });
});

describe.each(PLATFORMS)('a session that was evicted, over HTTP on %s,', (platform) => {
  const evict = async (): Promise<unknown> => server.del(...(await server.keys(`${PREFIX}s:*`)));

  it('is a 401 with its reason, at once where Redis is asked', async () => {
    await using app = await guardedApp(platform, testOptions({ redis: redis.url, keyPrefix: PREFIX, sessions: { revocation: 'remote' } }));
    const { accessToken } = await app.sessions.create('ann');
    expect((await app.get('/me', accessToken)).status).toBe(200);
    await evict();
    expect(await app.get('/me', accessToken)).toMatchObject({ status: 401, body: { reason: 'invalid' } });
  });

  it('is refused where revocations are known here when its access token expires, at the latest; refresh, at once', async () => {
    const sessions = { accessTokenTtl: '4 s' };
    await using app = await guardedApp(
      platform,
      testOptions({ redis: redis.url, keyPrefix: PREFIX, jwt: { clockTolerance: 0 }, sessions }),
    );
    const { accessToken, refreshToken, accessTokenExpiresAt } = await app.sessions.create('ann');
    await evict();
    expect((await app.get('/me', accessToken)).status).toBe(200);
    expect(await reasonOf(app.sessions.refresh(refreshToken))).toBe('invalid');
    await until(async () => (await app.get('/me', accessToken)).status === 401, { within: 6_000 });
    expect(Date.now()).toBeLessThan(accessTokenExpiresAt.getTime() + 1_000);
  });

  it('is a 401 at once where revocations are known here and the feed was evicted with it', async () => {
    await using app = await guardedApp(platform, testOptions({ redis: redis.url, keyPrefix: PREFIX }));
    const { accessToken } = await app.sessions.create('ann');
    expect((await app.get('/me', accessToken)).status).toBe(200);
    await server.flushall();
    const isRefused = async (): Promise<boolean> => (await app.get('/me', accessToken)).status === 401;
    const { ms } = await settledIn(() => until(isRefused, { every: 1 }));
    expect(ms).toBeLessThan(1_000);
    expect((await app.get('/me', accessToken)).body).toMatchObject({ reason: 'invalid' });
  });
});

describe('eviction of what other services keep', () => {
  let services: Services;
  beforeEach(async () => void (services = await Services.open(redis.url)));
  afterEach(() => services[Symbol.asyncDispose]());

  it('tokens, one and two keys at a time: null or their own; none is there after it was deleted, or all of its type', async () => {
    const { tokens } = services.on;
    const of = { type: 'key', owner: 'ann' };
    const kept = await tokens.create({ ...of, data: { n: 1 } });
    const custom = await tokens.create({ ...of, token: 'own', data: { n: 2 } });
    const deleted = await tokens.create({ ...of, token: 'deleted' });
    await tokens.delete(deleted);
    const others = await tokens.create({ ...of, owner: 'bob' });
    const snapshot = await Snapshot.take();
    for (const evicted of pairsOf(snapshot.names.map((name) => [name]))) {
      await snapshot.restoreWithout(...evicted);
      for (const token of [kept, custom, others]) expect([null, token]).toContainEqual(await tokens.get(token));
      expect(await tokens.get(deleted)).toBeNull();
      await tokens.deleteAll(of);
      for (const token of [kept, custom]) expect(await tokens.get(token), `without ${evicted.join()}`).toBeNull();
      expect([null, others]).toContainEqual(await tokens.get(others));
    }
  });

  it('a lock is lost, and its holder learns of it by extending; the next token is higher', async () => {
    const { locks } = services;
    const lock = await locks.acquire('job', { ttl: '5m' });
    await server.flushall();
    await expect(lock.extend()).rejects.toBeInstanceOf(LockLostError);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    await using next = await locks.acquire('job', { ttl: '5m' });
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
  });

  it('limits begin anew, the cache misses, tokens of others are not there', async () => {
    const { limiter, cache, oauth, introspected } = services;
    await limiter.consume('key', { limit: 1, window: '1h' });
    await cache.set('key', 'x', '5m');
    await oauth.storeToken('key', 'x');
    await introspected.introspect('token', () => ({ active: true }));
    await until(async () => (await server.keys('*v:{*}')).length > 0);
    await server.flushall();
    expect((await limiter.peek('key', { limit: 1, window: '1h' })).remaining).toBe(1);
    await until(async () => (await cache.get('key')) === null, { what: 'the cache has heard of it' });
    expect(await oauth.getToken('key')).toBeNull();
    expect(await oauth.listTokens()).toEqual([]);
    expect(await introspected.introspect('token', () => ({ active: false }))).toEqual({ active: false });
  });
});
