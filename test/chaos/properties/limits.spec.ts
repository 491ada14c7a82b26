import { describe, expect, it } from 'vitest';
import type { LimitCall } from '../../support/chaos/history.js';
import { checkLimits } from '../../support/chaos/properties/limits.js';

const [LIMIT, WINDOW_MS] = [6, 1_000];
type Algorithm = LimitCall['algorithm'];

/** An answer of Redis after 1 ms. */
function used(algorithm: Algorithm, start: number, rest: Partial<LimitCall> = {}): LimitCall {
  const call = { on: 0, does: 'consume', start, end: start + 1, outcome: 'ok', key: algorithm, algorithm } as const;
  return { ...call, limit: LIMIT, windowMs: WINDOW_MS, allowed: true, toldLimit: LIMIT, ...rest };
}
const times = (count: number, algorithm: Algorithm, start: number, rest: Partial<LimitCall> = {}): LimitCall[] =>
  Array.from({ length: count }, (_, n) => used(algorithm, start + n * 2, rest));

const violations = (calls: LimitCall[], lapses: Parameters<typeof checkLimits>[1]['lapses'] = []): number =>
  checkLimits(calls, { instances: 3, lapses }).violations.length;

describe('the checker of limits finds', () => {
  it('more at once than a bucket holds, and more than leaks from it', () => {
    expect(violations(times(6, 'gcra', 0))).toBe(0);
    expect(violations(times(7, 'gcra', 0))).toBe(1);
    // one more each sixth of a window
    expect(violations([...times(6, 'gcra', 0), used('gcra', 170), used('gcra', 340)])).toBe(0);
    expect(violations([...times(6, 'gcra', 0), used('gcra', 170), used('gcra', 220)])).toBe(1);
  });

  it('more within a window than a sliding one allows', () => {
    expect(violations([...times(6, 'sliding', 0), ...times(6, 'sliding', 1_002)])).toBe(0);
    expect(violations([...times(6, 'sliding', 0), used('sliding', 980)])).toBe(1);
  });

  it('more than two fixed windows around an edge', () => {
    expect(violations([...times(6, 'fixed', 900), ...times(6, 'fixed', 1_000)])).toBe(0);
    expect(violations([...times(6, 'fixed', 900), ...times(7, 'fixed', 1_000)])).toBe(1);
  });

  it('more than its part of what an instance decides by itself', () => {
    const alone = { toldLimit: 2 };
    expect(violations([...times(6, 'gcra', 0), ...times(2, 'gcra', 20, alone), ...times(2, 'gcra', 20, { ...alone, on: 1 })])).toBe(0);
    expect(violations([...times(6, 'gcra', 0), ...times(3, 'gcra', 20, alone)])).toBe(1);
  });

  it('nothing in what was denied or failed, nor across keys', () => {
    const others = [...times(9, 'gcra', 20, { allowed: false }), ...times(9, 'gcra', 20, { outcome: 'unavailable' })];
    expect(violations([...times(6, 'gcra', 0), ...others, ...times(6, 'gcra', 0, { key: 'other' })])).toBe(0);
  });
});

describe('the checker of limits lets pass', () => {
  it('as much again for each loss of data in between, and no more', () => {
    const lapses = [{ from: 14, to: 18, loses: 'everything' as const }];
    expect(violations([...times(6, 'sliding', 0), ...times(6, 'sliding', 20)])).toBe(1);
    expect(violations([...times(6, 'sliding', 0), ...times(6, 'sliding', 20)], lapses)).toBe(0);
    expect(violations([...times(6, 'sliding', 0), ...times(7, 'sliding', 20)], lapses)).toBe(1);
    expect(violations([...times(7, 'sliding', 20)], lapses)).toBe(1);
  });

  it('what may have been decided on in time: a call counts from its start to its end', () => {
    expect(violations([...times(6, 'gcra', 0), used('gcra', 20, { end: 200 })])).toBe(0);
    expect(violations([...times(6, 'gcra', 0), used('gcra', 20, { end: 120 })])).toBe(1);
  });
});

it('how much there was is told', () => {
  const calls = [...times(6, 'gcra', 0), used('gcra', 20, { allowed: false }), used('gcra', 30, { toldLimit: 2 })];
  expect(checkLimits(calls, { instances: 3 })).toMatchObject({ allowed: 7, allowedLocally: 1, denied: 1 });
});
