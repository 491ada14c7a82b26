import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidTokenError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandStats, growth } from '../../support/commands.js';
import { NAUGHTY_STRINGS } from '../../support/naughty-strings/index.js';
import { Services } from './kinds.js';

let redis: TestRedis;
let services: Services;
beforeAll(async () => {
  redis = await startRedis();
  services = await Services.open(redis.url);
});
afterAll(async () => {
  await services[Symbol.asyncDispose]();
  await redis.stop();
});

const REFUSED = Symbol('refused');

/** An object that has the text as the name of a member and as its value, `__proto__` included. */
function holding(text: string): Record<string, unknown> {
  return JSON.parse(`{${JSON.stringify(text)}:${JSON.stringify(text)}}`) as Record<string, unknown>;
}

/** What comes back, or that it was refused as an argument; anything else fails. */
function backOr<T>(call: Promise<T>): Promise<T | typeof REFUSED> {
  return call.catch((error: unknown) => {
    if (error instanceof InvalidArgumentError) return REFUSED;
    throw error;
  });
}

/** How often it was taken; each time, what came back has to be what went in. */
async function comesBack(put: (text: string, place: number) => Promise<unknown>, what: (text: string) => unknown): Promise<number> {
  const found = await Promise.all(NAUGHTY_STRINGS.map((text, place) => backOr(put(text, place))));
  expect(found.map((back) => back === REFUSED || { back })).toEqual(
    NAUGHTY_STRINGS.map((text, place) => found[place] === REFUSED || { back: what(text) }),
  );
  expect(Object.keys(Object.prototype)).toEqual([]);
  return found.filter((back) => back !== REFUSED).length;
}

describe('each of more than 600 naughty strings comes back as it went in', () => {
  it.each<[string, (text: string, place: number) => Promise<unknown>]>([
    [
      'data of a session, name and value',
      async (text, place) => {
        const { sessionId } = await services.on.sessions.create(`user ${place}`, { data: holding(text) });
        return (await services.on.sessions.get(sessionId, { data: true }))!.data;
      },
    ],
    [
      'updated data of a session',
      async (text, place) => {
        const { sessionId, accessToken } = await services.on.sessions.create(`user ${place}`);
        await services.on.sessions.update(sessionId, holding(text));
        return (await services.on.sessions.verify(accessToken, { data: true })).data;
      },
    ],
    [
      'data of a token',
      async (text) => {
        const { token } = await services.on.tokens.create({ type: 'key', owner: 'ann', data: holding(text) });
        return (await services.on.tokens.get({ type: 'key', token }))!.data;
      },
    ],
    [
      'updated data of a token',
      async (text) => {
        const { token } = await services.on.tokens.create({ type: 'key', owner: 'bob' });
        return (await services.on.tokens.update({ type: 'key', token, data: holding(text) }))!.data;
      },
    ],
    [
      'a value of the cache',
      async (text, place) => {
        await services.cache.set(`key ${place}`, holding(text), '5m');
        return services.cache.get(`key ${place}`);
      },
    ],
  ])('as %s', async (_name, put) => {
    // all there are, but for what is too long
    expect(await comesBack(put, holding)).toBeGreaterThan(NAUGHTY_STRINGS.length - 10);
  });

  it('as a text in the cache', async () => {
    const put = async (text: string, place: number): Promise<unknown> => {
      await services.cache.set(`text ${place}`, text, '5m');
      return services.cache.get(`text ${place}`);
    };
    expect(await comesBack(put, (text) => text)).toBe(NAUGHTY_STRINGS.length);
  });

  it('as what is told of a device, or is refused', async () => {
    const put = async (text: string, place: number): Promise<unknown> => {
      const { sessionId } = await services.on.sessions.create(`user ${place}`, { device: { name: text, ip: text, userAgent: text } });
      return (await services.on.sessions.get(sessionId))!.device;
    };
    const device = (text: string): unknown => (text === '' ? {} : { name: text, ip: text, userAgent: text });
    expect(await comesBack(put, device)).toBeGreaterThan(NAUGHTY_STRINGS.length - 40);
  });

  it('as a claim, name and value, or is refused; its session is live and the user’s', async () => {
    const { sessions } = services.on;
    const put = async (text: string, place: number): Promise<unknown> => {
      const { accessToken, refreshToken } = await sessions.create(`user ${place}`, { claims: holding(text) });
      const { accessToken: second } = await sessions.refresh(refreshToken);
      const [{ claims, userId }, { claims: claimsThen }] = await Promise.all([sessions.verify(accessToken), sessions.verify(second)]);
      expect(userId).toBe(`user ${place}`);
      expect(claimsThen).toEqual(claims);
      return claims;
    };
    expect(await comesBack(put, holding)).toBeGreaterThan(NAUGHTY_STRINGS.length - 40);
  });

  it('as a scope, or is refused', async () => {
    const { sessions } = services.on;
    const put = async (text: string): Promise<unknown> =>
      (await sessions.verify((await sessions.create('scoped', { scopes: [text] })).accessToken)).scopes;
    await comesBack(put, (text) => [text]);
  });
});

describe('each of more than 600 naughty strings is nobody’s', () => {
  it('token: access, refresh, to log out, to introspect; and nothing is asked of Redis', async () => {
    const { sessions, introspection } = services.on;
    const before = await commandStats(redis);
    await Promise.all(
      NAUGHTY_STRINGS.map(async (text) => {
        for (const call of [sessions.verify(text), sessions.verify(text, { data: true }), sessions.refresh(text)]) {
          const error = await call.catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(InvalidTokenError);
          expect(['malformed', 'invalid']).toContain((error as InvalidTokenError).reason);
        }
        expect(await sessions.logout(text)).toBe(false);
        expect(await sessions.revokeToken(text)).toBe(false);
        expect([REFUSED, { active: false }]).toContainEqual(await backOr(introspection.introspect({ token: text })));
      }),
    );
    const grown = growth(before, await commandStats(redis));
    expect(Object.keys(grown).filter((name) => !/^(info|hello|ping|client\|.*)$/.test(name))).toEqual([]);
  });

  it('session or token by its id, whatever is asked of it', async () => {
    const { sessions, tokens } = services.on;
    const mine = await sessions.create('ann', { data: { kept: true } });
    const key = await tokens.create({ type: 'key', owner: 'ann', data: { kept: true } });
    await Promise.all(
      NAUGHTY_STRINGS.map(async (text) => {
        const nothing = await Promise.all([
          backOr(sessions.get(text)),
          backOr(sessions.update(text, { a: 1 })),
          backOr(sessions.touch(text)),
          backOr(sessions.regenerate(text)),
          backOr(sessions.reauthenticated(text)),
          backOr(sessions.revoke(text)),
          backOr(tokens.get({ type: 'key', token: text })),
          backOr(tokens.update({ type: 'key', token: text, data: { a: 1 } })),
          backOr(tokens.refresh({ type: 'key', token: text, ttl: 1 })),
          backOr(tokens.consume({ type: 'key', token: text })),
          backOr(tokens.delete({ type: 'key', token: text })),
          backOr(tokens.delete({ type: 'key', id: text })),
        ]);
        expect(nothing.filter((found) => found !== null && found !== false && found !== REFUSED)).toEqual([]);
      }),
    );
    expect((await sessions.verify(mine.accessToken, { data: true })).data).toEqual({ kept: true });
    expect(await tokens.get(key)).toEqual(key);
  });
});
