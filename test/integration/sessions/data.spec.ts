import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';

const weirdNames = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  ' ',
  '.',
  '0',
  '-1',
  'u',
  'z',
  'h',
  'a.b',
  '"',
  '\\',
  '\\u0000',
  '\0',
  '\n',
  '🙂',
  '\ud800',
  '\udc00x',
];
const weirdValues = [
  [],
  {},
  [[]],
  [null],
  null,
  '',
  0,
  1e21,
  -1e-7,
  2 ** 53,
  9007199254740993,
  0.1 + 0.2,
  5e-324,
  '\ud800',
  '\u2028',
  '𝒳',
  'null',
  '[]',
  true,
];
const names = fc.oneof(fc.constantFrom(...weirdNames), fc.string({ unit: 'binary', maxLength: 8 }));
const json = fc.oneof(fc.constantFrom<unknown>(...weirdValues), fc.jsonValue({ maxDepth: 3 }));
const objects = fc
  .array(fc.tuple(names, json), { maxLength: 8 })
  // Object.fromEntries makes `__proto__` a property like any other.
  .map((entries) => Object.fromEntries(entries) as Record<string, unknown>);
/** What JSON makes of it: no -0, no prototype but the plain one. */
const plain = (value: Record<string, unknown>): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const expectSame = (found: unknown, expected: unknown): void => {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
  expect(isDeepStrictEqual(found, expected)).toBe(true);
};

describe('data and claims come back as they went in', () => {
  let on: SessionsUnderTest;
  beforeAll(async () => {
    on = await openSessions({ redis: inject('redisUrl'), sessions: { maxDataBytes: 16_384 } });
  });
  afterAll(() => on[Symbol.asyncDispose]());

  it('through sign-in, verify, get and list', async () => {
    await fc.assert(
      fc.asyncProperty(objects, objects, async (data, claims) => {
        const { accessToken, sessionId, refreshToken } = await on.sessions.create('ann', { data, claims });
        const session = await on.sessions.verify(accessToken, { data: true });
        expectSame(session.data, plain(data));
        expectSame(session.claims, plain(claims));
        expectSame((await on.sessions.get(sessionId, { data: true }))?.data, plain(data));
        expectSame((await on.sessions.list('ann', { data: true }))[0]?.data, plain(data));
        const next = await on.sessions.refresh(refreshToken);
        expectSame((await on.sessions.verify(next.accessToken)).claims, plain(claims));
        await on.sessions.revokeAll('ann');
      }),
      { numRuns: 150 },
    );
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('through any sequence of updates, as merging them in memory would give', async () => {
    await fc.assert(
      fc.asyncProperty(objects, fc.array(objects, { maxLength: 4 }), async (first, patches) => {
        const { sessionId } = await on.sessions.create('bob', { data: first });
        const merged = new Map(Object.entries(plain(first)));
        for (const patch of patches) {
          for (const [name, value] of Object.entries(plain(patch))) {
            if (value === null) merged.delete(name);
            else merged.set(name, value);
          }
          expectSame((await on.sessions.update(sessionId, patch))?.data, Object.fromEntries(merged));
        }
        const info = await on.sessions.get(sessionId, { data: true });
        expectSame(info?.data, Object.fromEntries(merged));
        expect(info?.version).toBe(patches.length);
      }),
      { numRuns: 100 },
    );
  });

  it('S4 undefined keeps a field, null deletes it, and a nested null stays', async () => {
    const { sessionId } = await on.sessions.create('cat', { data: { a: 1, b: 2, c: { d: null } } });
    expect((await on.sessions.update(sessionId, { a: undefined, b: null }))?.data).toEqual({ a: 1, c: { d: null } });
    expect((await on.sessions.update(sessionId, { nothing: null }))?.data).toEqual({ a: 1, c: { d: null } });
  });

  it('what the caller changes after the call does not reach the token', async () => {
    const claims: Record<string, unknown> = { role: 'user' };
    const signIn = on.sessions.create('dan', { claims });
    claims['role'] = 'admin';
    claims['sub'] = 'root';
    expect((await on.sessions.verify((await signIn).accessToken)).claims).toEqual({ role: 'user' });
  });

  it('an object with a toJSON is what that says', async () => {
    const claims = { when: new Date(0), toJSON: () => ({ role: 'user', when: new Date(0) }) };
    const { accessToken } = await on.sessions.create('dan', { claims });
    expect((await on.sessions.verify(accessToken)).claims).toEqual({ role: 'user', when: '1970-01-01T00:00:00.000Z' });
    for (const odd of [{ toJSON: () => 'text' }, { toJSON: () => [1] }, { toJSON: () => null }, { toJSON: () => undefined }]) {
      await expect(on.sessions.create('dan', { claims: odd })).rejects.toBeInstanceOf(InvalidArgumentError);
    }
  });

  it('data that grows over 16 kB by several updates is refused as a whole; what was there stays', async () => {
    const { sessionId } = await on.sessions.create('eve', { data: { a: 'x'.repeat(8_000) } });
    await on.sessions.update(sessionId, { b: 'é'.repeat(4_000) });
    const refused = on.sessions.update(sessionId, { a: null, c: 'y'.repeat(8_000), d: 'z'.repeat(500) });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'data' });
    expect(await on.sessions.get(sessionId, { data: true })).toMatchObject({
      version: 1,
      data: { a: 'x'.repeat(8_000), b: 'é'.repeat(4_000) },
    });
    expect(await on.sessions.update(sessionId, { a: null, c: 'y'.repeat(8_000) })).toMatchObject({ version: 2 });
    expect(await on.sessions.update(sessionId, { b: 'short', d: 'z'.repeat(8_000) })).toMatchObject({ version: 3 });
  });
});
