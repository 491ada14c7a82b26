import { describe, expect, it } from 'vitest';
import { checkDataPatch, checkInitialData, dataOf } from '../../../lib/data/index.js';

const kept = (data: unknown): Record<string, unknown> => dataOf(checkInitialData('data', data, 1_000).set.flat());

class Profile {
  constructor(readonly name: string) {}
  get shout(): string {
    return this.name.toUpperCase();
  }
}

const WITHOUT_MEMBERS: Record<string, object> = {
  'an array': [],
  'a Map': new Map([[1, 2]]),
  'a Set': new Set([1]),
  'a WeakMap': new WeakMap(),
  'a Date': new Date(0),
  'a Promise that was not awaited': Promise.resolve({ a: 1 }),
  'an Error': new Error('lost'),
  'a RegExp': /x/,
  'a Buffer': Buffer.from('ab'),
  'an ArrayBuffer': new ArrayBuffer(2),
  'a URL': new URL('https://example.com'),
  'a String': new String('ab'),
};

describe('data', () => {
  it('is what an object holds in its members, plain or of a class', () => {
    expect(kept(new Profile('ada'))).toEqual({ name: 'ada' });
    expect(kept(Object.assign(Object.create(null) as object, { a: [], b: null, c: undefined }))).toEqual({ a: [], b: null });
    expect(kept({ at: new Date(0), url: new URL('https://example.com'), text: new String('ab'), of: new Profile('bob') })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      url: 'https://example.com/',
      text: 'ab',
      of: { name: 'bob' },
    });
  });

  it.each(Object.entries(WITHOUT_MEMBERS))('is not %s, of which nothing would be kept', (_what, data) => {
    const refusal = expect.objectContaining({ name: 'InvalidArgumentError', argument: 'data' }) as Error;
    expect(() => checkInitialData('data', data, 1_000)).toThrow(refusal);
    expect(() => checkDataPatch(data, 1_000)).toThrow(refusal);
  });

  it.each(['a Map', 'a Set', 'a WeakMap', 'a Promise that was not awaited', 'an Error', 'a RegExp', 'an ArrayBuffer'])(
    'holds no %s',
    (what) => {
      const value = WITHOUT_MEMBERS[what];
      const refusal = expect.objectContaining({ name: 'InvalidArgumentError', argument: 'data.a' }) as Error;
      expect(() => kept({ a: value })).toThrow(refusal);
      expect(() => kept({ a: { b: [value] } })).toThrow(refusal);
    },
  );
});
