import { describe, expect, it } from 'vitest';
import type { LockCall } from '../../support/chaos/history.js';
import { checkSections } from '../../support/chaos/properties/sections.js';

/** Obtained 10 ms after it was asked for. */
const lock = (start: number, fence: number, rest: Partial<LockCall> = {}): LockCall => ({
  on: 0,
  does: 'lock',
  start,
  end: start + 10,
  outcome: 'ok',
  key: 'k',
  fence,
  ...rest,
});
const write = (at: number, fence: number, rest: Partial<LockCall> = {}): LockCall => ({ ...lock(at, fence, rest), does: 'write', end: at });

const found = (...calls: LockCall[]): string[] => checkSections(calls).violations.map(({ what }) => what);

describe('the checker of sections finds', () => {
  it('a token that is not greater than one that was given before it was asked for', () => {
    expect(found(lock(0, 5), lock(11, 6))).toEqual([]);
    expect(found(lock(0, 5), lock(11, 4))).toEqual(['token not greater than before']);
    expect(found(lock(0, 5), lock(9, 4))).toEqual([]);
    expect(found(lock(0, 5), lock(11, 4, { key: 'other' }))).toEqual([]);
    expect(found(lock(11, 4), lock(0, 5))).toEqual(['token not greater than before']);
  });

  it('a token that is not greater even where Redis has lost everything', () => {
    const lapses = [{ from: 0, to: 20, loses: 'everything' as const }];
    expect(checkSections([lock(0, 5), lock(11, 4)], { lapses }).violations).toHaveLength(1);
  });

  it('a token that was given twice', () => {
    expect(found(lock(0, 5), lock(3, 5, { on: 1 }))).toEqual(['token given twice']);
    expect(found(lock(0, 5), lock(3, 5, { outcome: 'busy' }))).toEqual([]);
  });

  it('a write after one with a greater token', () => {
    const history = [lock(0, 5), write(12, 5), lock(20, 6, { on: 1 }), write(31, 6, { on: 1 })];
    expect(found(...history)).toEqual([]);
    expect(found(...history, write(32, 5))).toEqual(['written after a greater token']);
    expect(found(...history, write(30, 5))).toEqual([]);
    expect(found(...history, write(32, 5, { key: 'other' }))).toEqual([]);
  });
});

describe('the checker of sections lets pass', () => {
  const history = [lock(0, 5), lock(20, 6, { on: 1 }), write(31, 6, { on: 1 }), write(32, 5)];

  it('a write that the fence refuses, of a lock that Redis has lost meanwhile', () => {
    const verdict = checkSections(history, { lapses: [{ from: 15, to: 18, loses: 'last writes' }] });
    expect(verdict).toEqual({ violations: [], sections: 2, writes: 2, fencedOff: 1 });
  });

  it('no other', () => {
    expect(checkSections(history, { lapses: [{ from: 40, to: 60, loses: 'everything' }] }).violations).toHaveLength(1);
  });
});
