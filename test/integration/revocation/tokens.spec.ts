import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

describe.each(['local', 'remote'] as const)('a single token, where revocation is %s', (revocation) => {
  it('ends alone: its session, its refresh token and its other tokens go on', async () => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix(), sessions: { revocation } };
    await using one = await openSessions(options);
    await using other = await openSessions(options);
    const first = await one.sessions.create('ann', { tenant: 'acme' });
    const second = await one.sessions.refresh(first.refreshToken);
    expect(await one.sessions.revokeToken(first.accessToken)).toBe(true);
    expect(await one.sessions.revokeToken(first.accessToken)).toBe(false);
    await until(async () => (await reasonOf(other.sessions.verify(first.accessToken))) === 'revoked', { within: 500, every: 1 });
    expect(await reasonOf(one.sessions.verify(first.accessToken))).toBe('revoked');
    for (const on of [one, other]) await on.sessions.verify(second.accessToken);
    const third = await other.sessions.refresh(second.refreshToken);
    for (const on of [one, other]) await on.sessions.verify(third.accessToken);
  });

  it('is false for what is forged, malformed, expired or of an ended session, and an error for no text', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { revocation } });
    const { accessToken, refreshToken, sessionId } = await on.sessions.create('ann');
    for (const wrong of ['', 'a.b.c', refreshToken, `${accessToken}x`, accessToken.slice(0, -4)]) {
      expect(await on.sessions.revokeToken(wrong)).toBe(false);
    }
    await expect(on.sessions.revokeToken(5 as never)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT' });
    await on.sessions.revoke(sessionId);
    expect(await on.sessions.revokeToken(accessToken)).toBe(false);
  });

  it('of more than 64 of one session is refused, with what to do instead', async () => {
    await using on = await openSessions({ redis: redis.url, sessions: { revocation } });
    let pair = await on.sessions.create('ann', { tenant: 'acme' });
    for (let n = 0; n < 64; n++) {
      expect(await on.sessions.revokeToken(pair.accessToken)).toBe(true);
      pair = await on.sessions.refresh(pair.refreshToken);
    }
    await expect(on.sessions.revokeToken(pair.accessToken)).rejects.toMatchObject({
      code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT',
      message: expect.stringContaining('revoke the session') as string,
    });
    await on.sessions.revokeTenant('acme');
    expect(await on.sessions.revokeToken(pair.accessToken)).toBe(false);
  });
});

const PRIVATE_KEYS = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
};

describe.each(Object.entries(PRIVATE_KEYS))('other spellings of a revoked %s token', (_algorithm, privateKey) => {
  it.each(['revoke', 'revokeToken'] as const)('after %s stay refused, and multiply nothing', async (how) => {
    await using on = await openSessions({ redis: redis.url, jwt: { privateKey } });
    const { accessToken, sessionId } = await on.sessions.create('ann');
    const [head, payload, signature] = accessToken.split('.') as [string, string, string];
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [...last].map((end) => `${head}.${payload}.${signature.slice(0, -1)}${end}`).filter((token) => token !== accessToken);
    spellings.push(
      `${accessToken}=`,
      `${accessToken}==`,
      `${accessToken} `,
      `${head}.${payload}=.${signature}`,
      `${head}=.${payload}.${signature}`,
    );
    if (_algorithm === 'ES256') spellings.push(`${head}.${payload}.${highS(signature)}`);
    for (const token of [accessToken, accessToken, ...spellings]) await reasonOf(on.sessions.verify(token));
    if (how === 'revoke') await on.sessions.revoke(sessionId);
    else await on.sessions.revokeToken(accessToken);
    const length = await on.connection.client.xlen(`${on.keyPrefix}f:{feed}stream`);
    for (const token of [accessToken, ...spellings]) {
      expect(['revoked', 'invalid', 'malformed']).toContain(await reasonOf(on.sessions.verify(token)));
      expect(on.sessions.recall(token)).toBeUndefined();
      await reasonOf(on.sessions.revokeToken(token));
      await on.sessions.logout(token).catch(() => undefined);
    }
    expect(await reasonOf(on.sessions.verify(accessToken))).toBe('revoked');
    // the log-out of the session, where only the token had been ended
    expect(await on.connection.client.xlen(`${on.keyPrefix}f:{feed}stream`)).toBe(how === 'revoke' ? length : length + 1);
  });
});

/** The other signature of the same message that ECDSA has: (r, n − s). */
function highS(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]).toString('base64url');
}

describe('a token of a key that is no longer configured', () => {
  it('is refused at once by an instance that begins without it, however often others have verified it', async () => {
    const key = (kid: string) => ({ kid, secret: `${kid}-of-tests-only-9vKc2LmX4pWs8yBd-q7Zr` });
    const keyPrefix = uniquePrefix();
    const refreshKeys = [{ kid: 'r', secret: 'refresh-of-tests-only-9vKc2LmX4pWs8yBd' }];
    await using before = await openSessions({
      redis: redis.url,
      keyPrefix,
      jwt: { keys: [key('old'), key('new')] },
      sessions: { refreshKeys },
    });
    const { accessToken } = await before.sessions.create('ann');
    for (let n = 0; n < 3; n++) await before.sessions.verify(accessToken);
    await using after = await openSessions({ redis: redis.url, keyPrefix, jwt: { keys: [key('new')] }, sessions: { refreshKeys } });
    expect(after.sessions.recall(accessToken)).toBeUndefined();
    expect(await reasonOf(after.sessions.verify(accessToken))).toBe('invalid');
  });
});
