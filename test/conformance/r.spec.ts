import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { redisAuthOptionsFromConfig, type RedisConnection, TokenStore } from 'nestjs-redis-auth';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ClusterSetup } from '../support/cluster.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { SentinelSetup } from '../support/sentinel.js';
import { EventsHeard, reasonOf } from '../support/session-outcomes.js';
import { TEST_SECRET } from '../support/sessions.js';
import { serverCertificate, testCa } from '../support/tls.js';
import { until } from '../support/until.js';
import { bootApp } from './app.js';

// R4 is in r4.spec.ts.

/** Signs in, reads, refreshes and logs out: whatever the form of the URL, all of it has to work. */
async function lifecycle(redis: RedisConnection): Promise<void> {
  await using one = await bootApp({ redis });
  const first = await one.sessions.create('ann', { tenant: 'acme' });
  const second = await one.sessions.refresh(first.refreshToken);
  await expect(one.sessions.verify(second.accessToken)).resolves.toMatchObject({ userId: 'ann', tenant: 'acme' });
  expect(await one.sessions.count('ann', { tenant: 'acme' })).toBe(1);
  expect(await one.sessions.logout(second.refreshToken)).toBe(true);
  expect(await reasonOf(one.sessions.verify(second.accessToken))).toBe('revoked');
}

describe('R1 every form of the URL', () => {
  const PASSWORD = 'p@ss/w:rd#1';
  const encoded = encodeURIComponent(PASSWORD);

  it.each<[string, Parameters<typeof startRedis>[0], (server: TestRedis) => RedisConnection]>([
    ['R1 redis://h:6379', { port: 'tcp' }, ({ port }) => `redis://127.0.0.1:${port}`],
    ['R1 redis://:pw@h:6379', { password: PASSWORD }, ({ port }) => `redis://:${encoded}@127.0.0.1:${port}`],
    [
      'R1 redis://user:pw@h:6379/1',
      { users: [`app on >${PASSWORD} ~* &* +@all`] },
      ({ port }) => `redis://app:${encoded}@127.0.0.1:${port}/1`,
    ],
    [
      'R1 rediss://user:pw@h:6380',
      { tls: serverCertificate, users: [`app on >${PASSWORD} ~* &* +@all`] },
      ({ port }) => ({ url: `rediss://app:${encoded}@localhost:${port}`, tls: { ca: testCa } }),
    ],
    ['R1 a unix socket path', {}, ({ socketPath }) => socketPath],
  ])('%s', async (_form, options, url) => {
    await using redis = await startRedis(options);
    await lifecycle(url(redis));
  });

  it('R1 redis://s1,s2,s3/mymaster', async () => {
    await using setup = await SentinelSetup.start({ password: PASSWORD });
    expect(setup.url).toMatch(/^redis:\/\/:.*@[^,]+,[^,]+,[^,]+\/mymaster$/);
    await lifecycle(setup.url);
  });

  it('R1 redis://n1,n2,n3', async () => {
    await using setup = await ClusterSetup.start();
    expect(setup.url).toMatch(/^redis:\/\/[^,]+,[^,]+,[^,/]+$/);
    await lifecycle(setup.url);
  });

  it('R1 the same from REDIS_URL', async () => {
    await using redis = await startRedis({ password: PASSWORD });
    const environment: Record<string, string> = {
      REDIS_URL: `redis://:${encoded}@127.0.0.1:${redis.port}/2`,
      JWT_SECRET: TEST_SECRET,
      JWT_ISSUER: 'https://issuer.test',
      JWT_AUDIENCE: 'api',
      SESSION_LIMIT: '1',
    };
    await using app = await bootApp(redisAuthOptionsFromConfig({ get: (name) => environment[name] }));
    const first = await app.sessions.create('ann');
    await app.sessions.create('ann');
    expect(await reasonOf(app.sessions.verify(first.accessToken))).toBe('evicted');
    expect(await app.connection.info('keyspace')).toMatch(/db2:/);
  });
});

describe('R sessions behind an OAuth server', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('R2 a session has a TTL, is shared by two instances, and is gone after it', async () => {
    const options = {
      redis: redis.url,
      keyPrefix: uniquePrefix(),
      jwt: { clockTolerance: 0 },
      sessions: { accessTokenTtl: '2s', idleTimeout: '2s' },
    };
    await using a = await bootApp(options);
    await using b = await bootApp(options);
    const { accessToken, sessionId, refreshToken } = await a.sessions.create('ann', { data: { theme: 'dark' } });
    expect(await b.sessions.verify(accessToken, { data: true })).toMatchObject({ sessionId, data: { theme: 'dark' } });
    const keys = await a.connection.client.keys(`${options.keyPrefix}*`);
    // its record, its index, the feed and its anchor
    expect(keys).toHaveLength(4);
    for (const key of keys) expect(await a.connection.client.pttl(key)).toBeGreaterThan(0);
    await until(async () => (await b.sessions.get(sessionId)) === null);
    expect(await reasonOf(a.sessions.refresh(refreshToken))).toBe('expired');
    // What is left is the tombstone, for the lifetime of one access token.
    await until(async () => (await a.connection.client.keys(`${options.keyPrefix}[^f]:*`)).length === 0);
    expect(await reasonOf(a.sessions.refresh(refreshToken))).toBe('invalid');
  });

  it('R5 a single session per user, where that is the policy', async () => {
    await using app = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix(), sessions: { limit: 1 } });
    const first = await app.sessions.create('ann');
    await app.sessions.create('ann');
    expect(await reasonOf(app.sessions.refresh(first.refreshToken))).toBe('evicted');
    expect(await app.sessions.count('ann')).toBe(1);
  });

  it('R5 the idle timeout is moved by use, the absolute lifetime is not', async () => {
    const sessionOptions = { idleTimeout: '1s', absoluteTimeout: '2s', touchInterval: 0 };
    await using app = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix(), sessions: sessionOptions });
    const idle = await app.sessions.create('idle');
    const used = await app.sessions.create('used');
    const end = (await app.sessions.get(used.sessionId))!.absoluteExpiresAt;
    let touches = 0;
    await until(
      async () => {
        const live = await app.sessions.touch(used.sessionId);
        if (live) touches++;
        return !live;
      },
      { every: 50, what: 'the absolute lifetime ends it' },
    );
    expect(Date.now()).toBeGreaterThanOrEqual(end.getTime() - 10);
    expect(touches).toBeGreaterThan(4);
    expect(await reasonOf(app.sessions.refresh(used.refreshToken))).toBe('expired');
    expect(await reasonOf(app.sessions.refresh(idle.refreshToken))).toBe('expired');
  });

  it('R5 revoke one, all, all but the current one', async () => {
    await using app = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix() });
    const [a, b, c, d] = await Promise.all(Array.from({ length: 4 }, () => app.sessions.create('ann')));
    expect(await app.sessions.revoke(a!.sessionId)).toBe(true);
    expect(await app.sessions.revokeAll('ann', { except: b!.sessionId })).toBe(2);
    for (const gone of [a, c, d]) expect(await reasonOf(app.sessions.verify(gone!.accessToken))).toBe('revoked');
    await app.sessions.verify(b!.accessToken);
    await app.sessions.refresh(b!.refreshToken);
    expect(await app.sessions.revokeAll('ann')).toBe(1);
  });

  describe('R7 rotation', () => {
    it('R7 starts a family per sign-in, and keeps family, scope and user', async () => {
      await using app = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix() });
      const first = await app.sessions.create('ann', { scopes: ['read', 'write'], tenant: 'acme', claims: { role: 'user' } });
      const other = await app.sessions.create('ann', { tenant: 'acme' });
      expect(other.sessionId).not.toBe(first.sessionId);
      const second = await app.sessions.refresh(first.refreshToken);
      expect(second.sessionId).toBe(first.sessionId);
      expect(second.refreshToken).not.toBe(first.refreshToken);
      expect(await app.sessions.verify(second.accessToken)).toMatchObject({
        userId: 'ann',
        tenant: 'acme',
        sessionId: first.sessionId,
        scopes: ['read', 'write'],
        claims: { role: 'user' },
      });
    });

    it('R7 a second rotate of the same token yields nothing new; one after that is theft and ends the family alone', async () => {
      await using app = await bootApp({ redis: redis.url, keyPrefix: uniquePrefix() });
      using heard = await EventsHeard.of(app.sessions);
      const neighbour = await app.sessions.create('ann');
      const first = await app.sessions.create('ann');
      const second = await app.sessions.refresh(first.refreshToken);
      expect((await app.sessions.refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
      const third = await app.sessions.refresh(second.refreshToken);
      expect(await reasonOf(app.sessions.refresh(first.refreshToken))).toBe('reused');
      expect(await reasonOf(app.sessions.refresh(third.refreshToken))).toBe('revoked');
      expect(await reasonOf(app.sessions.verify(third.accessToken))).toBe('revoked');
      await app.sessions.refresh(neighbour.refreshToken);
      expect((await heard.untilNow()).filter(({ type }) => type === 'reuse-detected')).toMatchObject([
        { sessionId: first.sessionId, generation: { presented: 1, current: 3 } },
      ]);
    });

    it('R7 revoked, expired and access tokens cannot rotate; revoking a family leaves others', async () => {
      await using app = await bootApp({ redis: inject('redisUrl'), keyPrefix: uniquePrefix() });
      const kept = await app.sessions.create('ann');
      const revoked = await app.sessions.create('ann');
      const expired = await app.sessions.create('ann', { idleTimeout: '50 ms' });
      await app.sessions.revoke(revoked.sessionId);
      expect(await reasonOf(app.sessions.refresh(revoked.refreshToken))).toBe('revoked');
      await until(async () => (await app.sessions.get(expired.sessionId)) === null);
      expect(await reasonOf(app.sessions.refresh(expired.refreshToken))).toBe('expired');
      expect(await reasonOf(app.sessions.refresh(kept.accessToken))).toBe('malformed');
      expect(await reasonOf(app.sessions.verify(kept.refreshToken))).toBe('malformed');
      await app.sessions.refresh(kept.refreshToken);
    });
  });

  describe('R8 single-use codes', () => {
    const of = { app: 'oauth', type: 'authorization-code' };

    it('R8 a code is taken once, also by another client; who comes second gets nothing', async () => {
      const options = { redis: redis.url, keyPrefix: uniquePrefix() };
      await using a = await bootApp(options);
      await using b = await bootApp(options);
      const [one, two] = [a.nest.get(TokenStore), b.nest.get(TokenStore)];
      for (const custom of [{}, { token: 'a-code-of-the-server' }]) {
        const { token } = await one.create({
          ...of,
          owner: 'ann',
          ttl: '60s',
          data: { clientId: 'c1', redirectUri: 'https://c.test' },
          ...custom,
        });
        expect(await two.consume({ ...of, token })).toMatchObject({ owner: 'ann', data: { clientId: 'c1' } });
        expect(await two.consume({ ...of, token })).toBeNull();
        expect(await one.consume({ ...of, token })).toBeNull();
        expect(await one.get({ ...of, token })).toBeNull();
      }
      const { token } = await one.create({ ...of, owner: 'ann' });
      const outcomes = await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? one : two).consume({ ...of, token })));
      expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1);
    });

    it('R8 a typed code: the first use is right, the second says that it was used, also from another client', async () => {
      const options = { redis: redis.url, keyPrefix: uniquePrefix() };
      await using a = await bootApp(options);
      await using b = await bootApp(options);
      const whose = { type: 'sign-in', owner: 'ann' };
      const { code } = (await a.nest.get(TokenStore).createCode({ ...whose, data: { device: 'd1' } }))!;
      expect(await b.nest.get(TokenStore).verifyCode({ ...whose, code })).toMatchObject({ valid: true, data: { device: 'd1' } });
      for (const { nest } of [a, b]) {
        const again = await nest.get(TokenStore).verifyCode({ ...whose, code });
        expect(again).toMatchObject({ valid: false, reason: 'used' });
        expect(JSON.stringify(again)).toBe('{"valid":false}');
      }
    });
  });
});
