import { describe, expect, it } from 'vitest';
import type { SessionCall } from '../../support/chaos/history.js';
import { checkFamilies } from '../../support/chaos/properties/families.js';

/** A call that takes 10 ms, by which one refresh token becomes another. */
function refresh(start: number, presented: string, rest: Partial<SessionCall> = {}): SessionCall {
  return { on: 0, does: 'refresh', start, end: start + 10, outcome: 'ok', session: 'a', presented, successor: after(presented), ...rest };
}
const after = (token: string): string => `t${Number(token.slice(1)) + 1}`;
const refused = (start: number, presented: string, reason: string): SessionCall => {
  const { successor: _, ...call } = refresh(start, presented);
  return { ...call, outcome: `refused: ${reason}` };
};

const LEEWAY_MS = 500;
const found = (...calls: SessionCall[]): string[] => checkFamilies(calls, { leewayMs: LEEWAY_MS }).violations.map(({ what }) => what);

describe('the checker of families finds', () => {
  it('two successors of one token, whoever got them and whenever', () => {
    expect(found(refresh(0, 't1'), refresh(3, 't1', { on: 1 }))).toEqual([]);
    expect(found(refresh(0, 't1'), refresh(3, 't1', { on: 1, successor: 'other' }))).toEqual(['two successors']);
  });

  it('a token that is honoured after its successor was used', () => {
    const used = refresh(100, 't2');
    expect(found(refresh(0, 't1'), used, refresh(110, 't1'))).toEqual([]);
    expect(found(refresh(0, 't1'), used, refresh(111, 't1'))).toEqual(['used after its successor']);
    expect(found(refresh(0, 't1'), refused(100, 't2', 'revoked'), refresh(111, 't1'))).toEqual([]);
    expect(found(refresh(0, 't1'), { ...used, outcome: 'unavailable' }, refresh(111, 't1'))).toEqual([]);
  });

  it('a token that is honoured after the leeway', () => {
    expect(found(refresh(0, 't1'), refresh(10 + LEEWAY_MS, 't1'))).toEqual([]);
    expect(found(refresh(0, 't1'), refresh(16 + LEEWAY_MS, 't1'))).toEqual(['used after the leeway']);
  });

  it('a refresh after a reuse was found out, but not one of another sign-in', () => {
    const history = [refresh(0, 't1'), refused(100, 't0', 'reused')];
    expect(found(...history, refresh(111, 't2'))).toEqual(['used after a reuse']);
    expect(found(...history, refresh(109, 't2'))).toEqual([]);
    expect(found(...history, refresh(111, 't2', { session: 'b' }))).toEqual([]);
    expect(found(...history, refused(111, 't2', 'revoked'))).toEqual([]);
  });
});

describe('the checker of families lets pass', () => {
  it('what a failover has lost, but never a second successor', () => {
    const history = [refresh(0, 't1'), refresh(100, 't2'), refresh(900, 't1')];
    const lapses = [{ from: 0, to: 200, loses: 'last writes' as const }];
    expect(found(...history)).toEqual(['used after the leeway', 'used after its successor']);
    expect(checkFamilies(history, { leewayMs: LEEWAY_MS, lapses }).violations).toEqual([]);
    const other = refresh(900, 't1', { successor: 'other' });
    expect(checkFamilies([...history, other], { leewayMs: LEEWAY_MS, lapses }).violations).toMatchObject([{ what: 'two successors' }]);
  });

  it('nothing of that where Redis lost everything: what has gone does not come back', () => {
    const lapses = [{ from: 0, to: 200, loses: 'everything' as const }];
    const history = [refresh(0, 't1'), refresh(100, 't2'), refresh(300, 't1')];
    expect(checkFamilies(history, { leewayMs: LEEWAY_MS, lapses }).violations).toHaveLength(1);
  });
});

it('how much there was is told', () => {
  const history = [refresh(0, 't1'), refresh(3, 't1', { on: 1 }), refresh(100, 't2'), refused(200, 't0', 'reused')];
  expect(checkFamilies(history, { leewayMs: LEEWAY_MS })).toMatchObject({ refreshes: 3, shared: 2, reuses: 1 });
});
