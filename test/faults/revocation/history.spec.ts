import { describe, expect, it } from 'vitest';
import { scaled } from '../../support/scale.js';
import { type HistoryPlan, runHistory } from '../../support/chaos/run-history.js';
import { KEEPING, LOSING, oneServer } from '../../support/chaos/setups.js';

const SEED = Number(process.env['SEED'] ?? scaled(1, Math.floor(Math.random() * 1_000_000)));
const BOUND_MS = 2_000;
const LENGTH_MS = scaled(5_000, 200_000);

const HISTORIES: Record<string, Pick<HistoryPlan, 'sessions' | 'boundMs' | 'serverFaults' | 'keepsData'>> = {
  'Redis is asked, or nobody': {
    sessions: { maxStaleness: '2s' },
    boundMs: BOUND_MS,
    serverFaults: KEEPING,
    keepsData: true,
  },
  'Redis loses everything now and then': {
    sessions: { maxStaleness: '2s' },
    boundMs: BOUND_MS,
    serverFaults: [...LOSING, 'stopped', 'stream deleted', 'down, with its data'],
    keepsData: false,
  },
  'what was known last is served for 3 s': {
    sessions: { maxStaleness: '1s', onStoreUnavailable: { serveFor: '3s' } },
    boundMs: 3_000,
    serverFaults: KEEPING,
    keepsData: true,
  },
};

describe('three processes under faults at random: no accept later than the bound after an acknowledged end', () => {
  it.each(Object.keys(HISTORIES).slice(0, scaled(1, 3)))('%s', { timeout: LENGTH_MS * 2 + 120_000 }, async (name) => {
    const plan = { ...HISTORIES[name]!, seed: SEED, setup: oneServer, lengthMs: LENGTH_MS, longestMs: HISTORIES[name]!.boundMs * 1.6 };
    const { violations, wrong, schedule, worst, endings, accepts, refusals, tokens, lags, details } = await runHistory(plan);
    const figures = { endings, accepts, refusals, tokens, longest: lags[0]?.ms, worst };
    const told = `${schedule}\n${JSON.stringify(figures, null, 1)}\n${details}\n${wrong.slice(0, 5).join('\n')}`;
    if (process.env['SEED'] !== undefined || process.env['FIGURES'] !== undefined) console.log(told);
    expect(violations.slice(0, 5), told).toEqual([]);
    expect(wrong.slice(0, 20), told).toEqual([]);
    // it was worth the while
    expect(endings).toBeGreaterThan(scaled(20, 50));
    expect(accepts).toBeGreaterThan(scaled(200, 500));
    expect(refusals).toBeGreaterThan(scaled(200, 500));
  });
});
