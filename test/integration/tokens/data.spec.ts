import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { TokenStore } from '../../../lib/tokens/index.js';
import { HOSTILE_VALUES, isId } from '../../support/hostile-values.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';

const MAX_BYTES = 4_096;

let on: TokensUnderTest;
let tokens: TokenStore;
beforeAll(async () => {
  on = await openTokens({ redis: inject('redisUrl'), tokens: { maxDataBytes: MAX_BYTES } });
  ({ tokens } = on);
});
afterAll(() => on[Symbol.asyncDispose]());

const weirdNames = [
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  '0',
  '-1',
  '10',
  '2',
  'a.b',
  '"',
  '\\',
  '\\"',
  '"\\',
  '\\u0000',
  '\0',
  '\n',
  ',\n',
  '\n}]',
  '":1,',
  '🙂',
  '\ud800',
  '\udc00x',
  '\u2028',
  'null',
  '{',
  ']',
  '%w+',
  "'",
];
const weirdValues = [
  [],
  {},
  [[]],
  [null],
  null,
  '',
  '\n',
  ',\n"a":1',
  '\n}]',
  0,
  1e21,
  -1e-7,
  2 ** 53,
  9007199254740993,
  0.1 + 0.2,
  5e-324,
  '\ud800',
  '\u2028\u2029',
  '𝒳',
  'null',
  '[]',
  true,
  false,
  { a: null },
];
const names = fc.oneof(fc.constantFrom(...weirdNames), fc.string({ unit: 'binary', maxLength: 8 }));
const json = fc.oneof(fc.constantFrom<unknown>(...weirdValues), fc.jsonValue({ maxDepth: 3 }));
// Object.fromEntries makes `__proto__` a property like any other.
const objects = fc.array(fc.tuple(names, json), { maxLength: 8 }).map((entries) => Object.fromEntries(entries) as Record<string, unknown>);
/** What JSON makes of it: no -0, no prototype but the plain one. */
const plain = (value: object): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const expectSame = (found: unknown, expected: unknown): void => {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
  expect(isDeepStrictEqual(found, expected)).toBe(true);
};
const ids = fc.oneof(
  fc.constantFrom(...Object.values(HOSTILE_VALUES).filter((value): value is string => isId(value))),
  fc.string({ unit: 'grapheme-composite', minLength: 1, maxLength: 12 }).filter(isId),
);

describe('data', () => {
  it('comes back as it went in, from create, get, list and consume', async () => {
    await fc.assert(
      fc.asyncProperty(objects, fc.boolean(), async (data, isCustom) => {
        const custom = isCustom ? { token: `mine-${Math.random()}` } : {};
        const { token, ...made } = await tokens.create({ type: 'key', owner: 'ann', data, ...custom });
        expectSame(made.data, plain(data));
        expectSame((await tokens.get({ type: 'key', token }))?.data, plain(data));
        expectSame(await tokens.list({ type: 'key', owner: 'ann' }), [made]);
        expectSame(await tokens.consume({ type: 'key', token }), { token, ...made });
      }),
      { numRuns: 150 },
    );
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('merges in Redis as it would in memory, through any sequence of updates', async () => {
    await fc.assert(
      fc.asyncProperty(objects, fc.array(objects, { maxLength: 5 }), async (first, patches) => {
        const { token } = await tokens.create({ type: 'key', owner: 'bob', data: first, ttl: '1h' });
        const merged = new Map(Object.entries(plain(first)));
        for (const patch of patches) {
          for (const [name, value] of Object.entries(plain(patch))) {
            if (value === null) merged.delete(name);
            else merged.set(name, value);
          }
          expectSame((await tokens.update({ type: 'key', token, data: patch }))?.data, Object.fromEntries(merged));
        }
        expectSame((await tokens.get({ type: 'key', token }))?.data, Object.fromEntries(merged));
        await tokens.delete({ type: 'key', token });
      }),
      { numRuns: 150 },
    );
  });

  it('T7 null deletes a field whatever its name, undefined is ignored, a nested null stays', async () => {
    const data = Object.fromEntries(weirdNames.map((name, n) => [name, n]));
    const { token } = await tokens.create({ type: 'key', owner: 'cat', data: { ...data, keep: { me: null } } });
    let left: Record<string, unknown> = plain({ ...data, keep: { me: null } });
    for (const name of weirdNames) {
      left = Object.fromEntries(Object.entries(left).filter(([each]) => each !== name));
      const patch = Object.fromEntries([
        [name, null],
        ['keep', undefined],
      ]);
      expectSame((await tokens.update({ type: 'key', token, data: patch }))?.data, left);
    }
    expectSame(left, { keep: { me: null } });
    expect((await tokens.update({ type: 'key', token, data: {} }))?.data).toEqual({ keep: { me: null } });
    expect((await tokens.update({ type: 'key', token, data: { keep: null, nothing: null } }))?.data).toEqual({});
    expect((await tokens.update({ type: 'key', token, data: { back: 1 } }))?.data).toEqual({ back: 1 });
  });

  it('may be as large as it is allowed to be, and no larger, after create and after update', async () => {
    const exact = (name: string, bytes: number): Record<string, string> => ({ [name]: 'x'.repeat(bytes - `{"${name}":""}`.length) });
    const full = exact('a', MAX_BYTES);
    expect(JSON.stringify(full)).toHaveLength(MAX_BYTES);
    const made = await tokens.create({ type: 'key', owner: 'dan', data: full });
    expect(await tokens.update({ type: 'key', token: made.token, data: {} })).toEqual(made);
    expect(await tokens.update({ type: 'key', token: made.token, data: { missing: null } })).toEqual(made);
    for (const data of [{ b: 1 }, exact('a', MAX_BYTES + 1), { '': 0 }]) {
      const { error } = await outcomeOf(tokens.update({ type: 'key', token: made.token, data }));
      expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT', argument: 'data' });
    }
    expect(await tokens.get(made)).toEqual(made);
    expect((await tokens.update({ ...made, data: { a: null, b: 'é'.repeat(2_000) } }))?.data).toEqual({ b: 'é'.repeat(2_000) });
    await expect(tokens.create({ type: 'key', owner: 'dan', data: exact('a', MAX_BYTES + 1) })).rejects.toMatchObject({ argument: 'data' });
  });

  it('that the caller changes after the call does not change', async () => {
    const data: Record<string, unknown> = { role: 'user' };
    const creation = tokens.create({ type: 'key', owner: 'eve', data });
    data['role'] = 'admin';
    expect((await creation).data).toEqual({ role: 'user' });
  });
});

describe('ids and tokens of any text', () => {
  it('come back as they went in, and never collide', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.tuple(ids, ids, ids), { maxLength: 6, selector: (id) => JSON.stringify(id) }), async (places) => {
        const made = [];
        for (const [app, type, owner] of places) {
          made.push(await tokens.create({ app, type, owner, data: { n: made.length } }));
          made.push(await tokens.create({ app, type, owner, data: { n: made.length }, token: `mine ${made.length}` }));
        }
        for (const one of made) {
          expect(await tokens.get({ app: one.app, type: one.type, token: one.token })).toEqual(one);
        }
        for (const [n, [app, type, owner]] of places.entries()) {
          const listed = await tokens.list({ app, type, owner });
          expect(listed.map(({ id }) => id).toSorted()).toEqual([made[2 * n]!.id, made[2 * n + 1]!.id].toSorted());
          expect(listed[0]).toMatchObject({ app, type, owner });
        }
        for (const [app, type, owner] of places) expect(await tokens.deleteAll({ app, type, owner })).toBe(2);
        for (const [app, , owner] of places) expect(await tokens.deleteAll({ app, owner })).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('S1 S3 a custom token of any text is itself and no other', async () => {
    const texts = Object.values(HOSTILE_VALUES).filter((value): value is string => isId(value));
    expect(texts.length).toBeGreaterThan(15);
    const made = await Promise.all(texts.map((token) => tokens.create({ type: 'key', owner: 'fay', token, data: { token } })));
    for (const [n, token] of texts.entries()) expect(await tokens.get({ type: 'key', token })).toEqual(made[n]);
    for (const [n, token] of texts.entries()) {
      expect(await tokens.delete({ type: 'key', token })).toBe(true);
      expect(await tokens.count({ type: 'key', owner: 'fay' })).toBe(texts.length - n - 1);
    }
  });

  it('do not run into each other at their borders', async () => {
    const places = [
      ['a:b', 'c', 'd'],
      ['a', 'b:c', 'd'],
      ['a', 'b', 'c:d'],
      ['a b', 'c', 'd'],
      ['a', 'b c', 'd'],
      ['a%3Ab', 'c', 'd'],
      ['a', 'b', 'c'],
      ['a', 'bc', ' '],
    ] as const;
    const made = await Promise.all(places.map(([app, owner, type]) => tokens.create({ app, owner, type })));
    for (const [n, [app, owner, type]] of places.entries()) {
      expect(await tokens.get({ app, type, token: made[n]!.token })).toMatchObject({ app, owner, type });
      expect(await tokens.count({ app, owner, type })).toBe(1);
    }
    for (const [app, owner, type] of places) expect(await tokens.deleteAll({ app, owner, type })).toBe(1);
  });
});
