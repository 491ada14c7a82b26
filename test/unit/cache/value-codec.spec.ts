import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressed, decode, decompressed, encode, isCompressed } from '../../../lib/cache/value-codec.js';
import { copyOf } from '../../../lib/cache/tagged-json.js';
import { InvalidArgumentError } from '../../../lib/errors/index.js';

/** Whatever can be kept, nested. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: false,
  withUnicodeString: true,
  values: [fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.constant('$')],
  key: fc.oneof(fc.string(), fc.constant('$'), fc.constant('__proto__'), fc.constant('v')),
});

describe('values', () => {
  it('come back as they were, and so do their copies', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const decoded = decode(encode(value));
        expect(decoded).toStrictEqual(value);
        expect(copyOf(decoded)).toStrictEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, unknown]>([
    ['a Buffer', Buffer.from([1, 2, 255])],
    ['bytes', new Uint8Array([1, 2, 255])],
    ['a view into bytes', new Uint8Array([0, 1, 2, 3]).subarray(1, 3)],
    ['no date', new Date(Number.NaN)],
    ['half a surrogate pair', '\ud800'],
    ['a tag of ours', { $: 'bigint', v: '7' }],
    ['nested ones', { list: [{ map: new Map([[1n, new Set([new Date(0)])]]) }] }],
    ['an array with holes', [1, undefined, 3]],
  ])('%s too', (_, value) => {
    expect(decode(encode(value))).toStrictEqual(value);
    expect(copyOf(decode(encode(value)))).toStrictEqual(value);
  });

  it('with toJSON are what that gives', () => {
    expect(decode(encode({ url: new URL('https://example.org/') }))).toEqual({ url: 'https://example.org/' });
  });

  it('are copied so that a change of the copy changes nothing', () => {
    const value = decode(encode({ map: new Map([['a', [1]]]), date: new Date(0), bytes: Buffer.from('a') })) as {
      map: Map<string, number[]>;
      date: Date;
      bytes: Buffer;
    };
    const copy = copyOf(value) as typeof value;
    copy.map.get('a')!.push(2);
    copy.date.setTime(7);
    copy.bytes[0] = 0;
    expect(value).toEqual({ map: new Map([['a', [1]]]), date: new Date(0), bytes: Buffer.from('a') });
  });

  it.each<[string, () => unknown]>([
    ['a function', () => ({ call: () => 1 })],
    ['a symbol', () => [Symbol('x')]],
    ['an Error', () => new Error('x')],
    ['a RegExp', () => /x/],
    ['a Promise', () => Promise.resolve(1)],
    [
      'what is circular',
      () => {
        const list: unknown[] = [];
        list.push(list);
        return list;
      },
    ],
    [
      'a getter that throws',
      () => ({
        get a() {
          throw new Error('no');
        },
      }),
    ],
  ])('%s is refused', (_, make) => {
    expect(() => encode(make())).toThrow(InvalidArgumentError);
  });

  it('are compressed from a size on, if that makes them shorter', async () => {
    const long = encode('ä😀'.repeat(1_000));
    const short = await compressed(long, 1_024);
    expect(isCompressed(short)).toBe(true);
    expect(short.length).toBeLessThan(long.length / 10);
    expect(await decompressed(short)).toBe(long);
    expect(await compressed(long, 0)).toBe(long);
    expect(await compressed(encode('short'), 1_024)).toBe(encode('short'));
  });
});
