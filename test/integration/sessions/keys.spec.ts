import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { RedisAuthConfigError } from '../../../lib/errors/index.js';
import type { JwtKey, RefreshKey } from '../../../lib/options/index.js';
import type { SessionTokens } from '../../../lib/sessions/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { reasonOf, refused } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const secret = (): string => randomBytes(48).toString('base64url');
const hmac = (kid: string): JwtKey => ({ kid, secret: secret() });
const kidOf = (jwt: string): unknown => (JSON.parse(Buffer.from(jwt.split('.')[0]!, 'base64url').toString()) as { kid?: unknown }).kid;
const refreshKidOf = (token: string): string => token.split('.')[0]!;

const opened: SessionsUnderTest[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one[Symbol.asyncDispose]()));
});
async function instance(options: Parameters<typeof openSessions>[0]): Promise<SessionsUnderTest> {
  const one = await openSessions({ redis: inject('redisUrl'), ...options });
  opened.push(one);
  return one;
}
const withKeys = (keyPrefix: string, keys: JwtKey[], refreshKeys?: RefreshKey[]) =>
  instance({ keyPrefix, jwt: { keys }, ...(refreshKeys && { sessions: { refreshKeys } }) });

describe('keys by kid', () => {
  it('are added, switched and dropped over two instances without one failed request', async () => {
    const keyPrefix = uniquePrefix();
    const [old, young] = [hmac('2025'), hmac('2026')];
    const instances = [await withKeys(keyPrefix, [old]), await withKeys(keyPrefix, [old])];
    const clients = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => ({ n, tokens: await instances[n % 2]!.sessions.create(`user-${n}`), rounds: 0 })),
    );
    let stop = false;
    /** Verifies and refreshes on any instance there is, over and over; the first failure ends the test. */
    const traffic = clients.map(async (client) => {
      while (!stop) {
        const at = instances[client.rounds++ % 2]!.sessions;
        await at.verify(client.tokens.accessToken);
        if (client.rounds % 3 === 0) client.tokens = await at.refresh(client.tokens.refreshToken);
      }
    });
    const everybody = (condition: (tokens: SessionTokens) => boolean): Promise<unknown> =>
      until(() => clients.every(({ tokens }) => condition(tokens)));
    const rounds = async (count: number): Promise<void> => {
      const goals = clients.map((client) => client.rounds + count);
      await until(() => clients.every((client, n) => client.rounds >= goals[n]!));
    };
    /** One instance after the other gets the new keys, as a deployment goes. */
    const deploy = async (keys: JwtKey[]): Promise<void> => {
      for (const n of [0, 1]) {
        instances[n] = await withKeys(keyPrefix, keys);
        await rounds(6);
      }
    };
    const story = async (): Promise<void> => {
      await deploy([old, young]);
      expect(clients.every(({ tokens }) => kidOf(tokens.accessToken) === '2025')).toBe(true);
      await deploy([young, old]);
      await everybody(({ accessToken, refreshToken }) => kidOf(accessToken) === '2026' && refreshKidOf(refreshToken) === '2026');
      await deploy([young]);
      stop = true;
      await Promise.all(traffic);
    };
    await Promise.race([story(), Promise.all(traffic)]);
    expect(stop).toBe(true);
    // The generations prove that all of it was one chain each.
    for (const { tokens } of clients) expect((await instances[0]!.sessions.get(tokens.sessionId))?.generation).toBeGreaterThan(6);
  });

  it('dropped at once, its tokens are invalid, and nothing else happens to their session', async () => {
    const keyPrefix = uniquePrefix();
    const [old, young] = [hmac('a'), hmac('b')];
    const before = await withKeys(keyPrefix, [old]);
    const tokens = await before.sessions.create('ann');
    const after = await withKeys(keyPrefix, [young]);
    expect(await reasonOf(after.sessions.verify(tokens.accessToken))).toBe('invalid');
    expect(await reasonOf(after.sessions.refresh(tokens.refreshToken))).toBe('invalid');
    expect(await after.sessions.logout(tokens.refreshToken)).toBe(false);
    expect(await after.sessions.logout(tokens.accessToken)).toBe(false);
    await before.sessions.verify(tokens.accessToken);
    expect(await after.sessions.revoke(tokens.sessionId)).toBe(true);
  });

  it('instances that sign with different keys give every caller the same successor', async () => {
    const keyPrefix = uniquePrefix();
    const [a, b] = [hmac('a'), hmac('b')];
    const one = await withKeys(keyPrefix, [a, b]);
    const other = await withKeys(keyPrefix, [b, a]);
    let { refreshToken } = await one.sessions.create('ann');
    for (let round = 0; round < 10; round++) {
      const all = await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 ? one : other).sessions.refresh(refreshToken)));
      expect(new Set(all.map((tokens) => tokens.refreshToken)).size).toBe(1);
      for (const { accessToken } of all) await (round % 2 ? one : other).sessions.verify(accessToken);
      // Each signs access tokens with its own first key.
      expect(all.map(({ accessToken }) => kidOf(accessToken))).toEqual(all.map((_, n) => (n % 2 ? 'a' : 'b')));
      refreshToken = all[0]!.refreshToken;
    }
  });

  it('a session under a key that this instance lacks is told as a mistake of its configuration, and lives on', async () => {
    const keyPrefix = uniquePrefix();
    const [a, b] = [hmac('a'), hmac('b')];
    const ahead = await withKeys(keyPrefix, [b, a]);
    const behind = await withKeys(keyPrefix, [a]);
    const first = await behind.sessions.create('ann');
    const second = await ahead.sessions.refresh(first.refreshToken);
    expect(refreshKidOf(second.refreshToken)).toBe('b');
    await expect(behind.sessions.refresh(first.refreshToken)).rejects.toBeInstanceOf(RedisAuthConfigError);
    await ahead.sessions.refresh(second.refreshToken);
  });

  it('a token without a kid, or with that of another key, is invalid', async () => {
    const keyPrefix = uniquePrefix();
    const [a, b] = [hmac('a'), hmac('b')];
    const keyed = await withKeys(keyPrefix, [a, b]);
    const plain = await instance({ keyPrefix, jwt: { secret: a.secret! } });
    const mine = await keyed.sessions.create('ann');
    const bare = await plain.sessions.create('ann');
    expect(kidOf(bare.accessToken)).toBeUndefined();
    expect(await reasonOf(keyed.sessions.verify(bare.accessToken))).toBe('invalid');
    expect(await reasonOf(plain.sessions.verify(mine.accessToken))).toBe('invalid');
    const swapped = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid: 'b' })).toString('base64url');
    expect(await reasonOf(keyed.sessions.verify(mine.accessToken.replace(/^[^.]+/, swapped)))).toBe('invalid');
  });
});

describe('sessions.refreshKeys', () => {
  it('MAC refresh tokens in place of the signing keys, and are switched in the same way', async () => {
    const keyPrefix = uniquePrefix();
    const [old, young]: RefreshKey[] = [
      { kid: 'r1', secret: secret() },
      { kid: 'r2', secret: secret() },
    ];
    const jwtKey = hmac('j');
    const first = await withKeys(keyPrefix, [jwtKey], [old!]);
    const tokens = await first.sessions.create('ann');
    expect([kidOf(tokens.accessToken), refreshKidOf(tokens.refreshToken)]).toEqual(['j', 'r1']);
    const second = await withKeys(keyPrefix, [hmac('k'), jwtKey], [young!, old!]);
    const next = await second.sessions.refresh(tokens.refreshToken);
    expect([kidOf(next.accessToken), refreshKidOf(next.refreshToken)]).toEqual(['k', 'r2']);
    const third = await withKeys(keyPrefix, [jwtKey], [young!]);
    await third.sessions.refresh(next.refreshToken);
    expect(await reasonOf(third.sessions.refresh(tokens.refreshToken))).toBe('invalid');
  });

  it('let the signing key change without a session noticing', async () => {
    const keyPrefix = uniquePrefix();
    const refreshKeys: RefreshKey[] = [{ kid: 'r1', secret: secret() }];
    const { refreshToken } = await (await withKeys(keyPrefix, [hmac('a')], refreshKeys)).sessions.create('ann');
    await (await withKeys(keyPrefix, [hmac('b')], refreshKeys)).sessions.refresh(refreshToken);
  });
});

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS384: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
} as const;

describe.each(Object.entries(pairs))('a %s key', (algorithm, { privateKey, publicKey }) => {
  const jwt = { privateKey, algorithm: algorithm as keyof typeof pairs };

  it('serves a session from sign-in to log-out', async () => {
    const { sessions } = await instance({ jwt });
    const first = await sessions.create('ann', { claims: { role: 'admin' }, scopes: ['read'], tenant: 'acme' });
    await sessions.verify(first.accessToken);
    const second = await sessions.refresh(first.refreshToken);
    expect((await sessions.refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
    const third = (await sessions.reauthenticated(first.sessionId))!;
    const fourth = (await sessions.regenerate(third.sessionId))!;
    expect(await sessions.verify(fourth.accessToken)).toMatchObject({
      userId: 'ann',
      tenant: 'acme',
      claims: { role: 'admin' },
      scopes: ['read'],
    });
    expect(await sessions.logout(fourth.accessToken)).toBe(true);
    expect(await reasonOf(sessions.verify(fourth.accessToken))).toBe('revoked');
    expect(await reasonOf(sessions.refresh(fourth.refreshToken))).toBe('invalid');
  });

  it('its public half alone verifies, lists and revokes, and issues nothing', async () => {
    const keyPrefix = uniquePrefix();
    const issuer = await instance({ keyPrefix, jwt });
    const reader = await instance({ keyPrefix, jwt: { publicKey: createPublicKey(privateKey), algorithm: jwt.algorithm } });
    const tokens = await issuer.sessions.create('ann', { data: { a: 1 } });
    expect(await reader.sessions.verify(tokens.accessToken, { data: true })).toMatchObject({ userId: 'ann', data: { a: 1 } });
    expect(await reader.sessions.list('ann')).toHaveLength(1);
    const issuing: (() => Promise<unknown>)[] = [
      () => reader.sessions.create('ann'),
      () => reader.sessions.refresh(tokens.refreshToken),
      () => reader.sessions.regenerate(tokens.sessionId),
      () => reader.sessions.reauthenticated(tokens.sessionId),
    ];
    for (const call of issuing) await expect(call()).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_CONFIG', issues: [{ path: 'jwt' }] });
    expect(await issuer.sessions.count('ann')).toBe(1);
    await issuer.sessions.refresh(tokens.refreshToken);
    expect(await reader.sessions.logout(tokens.accessToken)).toBe(true);
    await refused(issuer, tokens.accessToken);
    expect(publicKey.type).toBe('public');
  });
});

describe('a verify-only module', () => {
  it('takes refresh tokens for log-out where it has the refresh keys', async () => {
    const keyPrefix = uniquePrefix();
    const { privateKey, publicKey } = pairs.ES256;
    const refreshKeys = [{ kid: 'r', secret: secret() }];
    const issuer = await instance({ keyPrefix, jwt: { privateKey }, sessions: { refreshKeys } });
    const reader = await instance({ keyPrefix, jwt: { publicKey }, sessions: { refreshKeys } });
    const bare = await instance({ keyPrefix, jwt: { publicKey } });
    const { refreshToken } = await issuer.sessions.create('ann');
    await expect(reader.sessions.refresh(refreshToken)).rejects.toBeInstanceOf(RedisAuthConfigError);
    expect(await bare.sessions.logout(refreshToken)).toBe(false);
    expect(await reader.sessions.logout(refreshToken)).toBe(true);
  });
});

describe.each(['remote', 'off'] as const)('with revocation %s, tokens of another registration', (revocation) => {
  const one = secret();

  it.each([
    ['prefix', { jwt: { secret: one } }],
    ['secret', { keyPrefix: 'same', jwt: { secret: secret() } }],
    ['issuer', { keyPrefix: 'same', jwt: { secret: one, issuer: 'https://other.test' } }],
    ['audience', { keyPrefix: 'same', jwt: { secret: one, audience: 'other' } }],
  ])('with another %s are invalid here', async (what, options) => {
    const keyPrefix = uniquePrefix();
    const here = await instance({ keyPrefix, jwt: { secret: one }, sessions: { revocation } });
    const there = await instance({ ...options, keyPrefix: 'keyPrefix' in options ? keyPrefix : uniquePrefix(), sessions: { revocation } });
    const tokens = await there.sessions.create('ann');
    await there.sessions.verify(tokens.accessToken);
    expect(await reasonOf(here.sessions.verify(tokens.accessToken))).toBe('invalid');
    expect(await reasonOf(here.sessions.verify(tokens.accessToken, { data: true }))).toBe('invalid');
    expect(await here.sessions.logout(tokens.accessToken)).toBe(false);
    // Issuer and audience are no part of a refresh token; the key and the prefix are.
    if (what === 'prefix' || what === 'secret') {
      expect(await reasonOf(here.sessions.refresh(tokens.refreshToken))).toBe('invalid');
      expect(await here.sessions.logout(tokens.refreshToken)).toBe(false);
    }
    expect(await there.sessions.count('ann')).toBe(1);
  });

  it(`a session that was ended is ${revocation === 'off' ? 'still verified until its token expires' : 'refused'}`, async () => {
    const { sessions } = await instance({ sessions: { revocation } });
    const { accessToken, refreshToken, sessionId } = await sessions.create('ann', { data: { a: 1 } });
    await sessions.revoke(sessionId);
    expect(await reasonOf(sessions.verify(accessToken))).toBe(revocation === 'off' ? 'resolved' : 'revoked');
    expect(await reasonOf(sessions.verify(accessToken, { data: true }))).toBe('revoked');
    expect(await reasonOf(sessions.refresh(refreshToken))).toBe('revoked');
  });
});
