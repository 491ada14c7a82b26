import { describe, expect, it } from 'vitest';
import type { CacheCall } from '../../support/chaos/history.js';
import { checkCached } from '../../support/chaos/properties/cached.js';

/** A call that takes 10 ms. */
const call = (on: number, does: CacheCall['does'], start: number, rest: Partial<CacheCall> = {}): CacheCall => ({
  on,
  does,
  start,
  end: start + 10,
  outcome: 'ok',
  ...(does !== 'clear' && does !== 'invalidate-tags' && { key: 'k' }),
  ...rest,
});
const load = (value: string, start: number, rest: Partial<CacheCall> = {}): CacheCall =>
  call(0, 'load', start, { value, tags: ['t'], ...rest });
const get = (on: number, value: string, start: number): CacheCall => call(on, 'get', start, { value });

const BOUND_MS = 1_000;
const found = (...calls: CacheCall[]): string[] => checkCached(calls, { boundMs: BOUND_MS }).violations.map(({ what }) => what);

describe('the checker of the cache finds', () => {
  it.each(['delete', 'clear', 'invalidate-tags'] as const)('what is older than %s, later than the bound', (does) => {
    const history = [load('old', 0), call(0, does, 100, does === 'invalidate-tags' ? { tags: ['t'] } : {})];
    expect(found(...history, get(1, 'old', 1_110))).toEqual([]);
    expect(found(...history, get(1, 'old', 1_111))).toEqual(['found after the bound']);
    expect(found(...history, call(1, 'get-or-set', 1_111, { value: 'old' }))).toEqual(['found after the bound']);
    expect(found(...history, load('new', 101), get(1, 'new', 5_000))).toEqual([]);
    expect(found(...history, call(1, 'get', 5_000))).toEqual([]);
  });

  it('what is older at once, on the instance that invalidated it', () => {
    const history = [load('old', 0), call(0, 'delete', 100)];
    expect(found(...history, get(0, 'old', 110))).toEqual([]);
    expect(found(...history, get(0, 'old', 111))).toEqual(['found by who invalidated it']);
  });

  it('what a loader brings that began before the invalidation, however late it came', () => {
    const history = [call(0, 'delete', 100), load('late', 99, { end: 400 })];
    expect(found(...history, get(0, 'late', 500))).toEqual(['found by who invalidated it']);
  });

  it('what was set before, once something else was set', () => {
    const set = (value: string, start: number, rest: Partial<CacheCall> = {}): CacheCall => call(0, 'set', start, { value, ...rest });
    expect(found(set('one', 0), set('two', 100), get(1, 'one', 1_111))).toEqual(['found after the bound']);
    expect(found(set('one', 0), set('two', 100), get(1, 'two', 1_111))).toEqual([]);
    // at once: either may have been the later one
    expect(found(set('one', 0), set('two', 5), get(1, 'one', 1_111))).toEqual([]);
    // nobody knows when it was carried out
    expect(found(set('one', 0, { outcome: 'unavailable' }), set('two', 100), get(1, 'one', 1_111))).toEqual([]);
  });

  it('a value that nobody wrote', () => {
    expect(found(get(0, 'whose', 0))).toEqual(['never written']);
  });
});

describe('the checker of the cache lets pass', () => {
  it('what an invalidation does not concern: other keys, other tags, and what Redis did not carry out', () => {
    const others = [
      call(0, 'delete', 100, { key: 'other' }),
      call(0, 'invalidate-tags', 100, { tags: ['other'] }),
      call(0, 'clear', 100, { outcome: 'unavailable' }),
    ];
    expect(found(load('old', 0), ...others, get(0, 'old', 5_000))).toEqual([]);
    expect(found(call(0, 'set', 0, { value: 'plain' }), call(0, 'invalidate-tags', 100, { tags: ['t'] }), get(0, 'plain', 5_000))).toEqual(
      [],
    );
  });

  it('what a failover lost of it, but not where everything was lost', () => {
    const history = [load('old', 0), call(0, 'delete', 100), get(0, 'old', 5_000)];
    const check = (loses: 'last writes' | 'everything'): number =>
      checkCached(history, { boundMs: BOUND_MS, lapses: [{ from: 105, to: 200, loses }] }).violations.length;
    expect(check('last writes')).toBe(0);
    expect(check('everything')).toBe(1);
  });
});

it('how much there was is told, and how late it was at most', () => {
  const history = [load('old', 0), call(0, 'delete', 100), get(1, 'old', 300), get(1, 'old', 200)];
  expect(checkCached(history, { boundMs: BOUND_MS })).toEqual({ violations: [], found: 2, invalidations: 1, longestMs: 190 });
});
