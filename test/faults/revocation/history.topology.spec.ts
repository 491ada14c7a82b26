import { describe, expect, it } from 'vitest';
import { scaled } from '../../support/scale.js';
import { runHistory } from '../../support/chaos/run-history.js';
import { behindSentinels, inCluster } from '../../support/chaos/setups.js';

const SEED = Number(process.env['SEED'] ?? scaled(1, Math.floor(Math.random() * 1_000_000)));
const LENGTH_MS = scaled(4_000, 150_000);
const BOUND_MS = 5_000;

const SETUPS = { 'behind Sentinels': behindSentinels, 'in a Cluster': inCluster };
/** A failover takes seconds; between two of them replicas come back. */
const FAILOVERS = ['planned failover', 'master killed'];
const SERVER_FAULTS = [...FAILOVERS, 'stream deleted', 'clients killed', 'scripts flushed'].slice(0, scaled(2, 5));

describe('three processes under faults and failovers at random: no accept later than the bound after an acknowledged end', () => {
  it.each(Object.keys(SETUPS) as (keyof typeof SETUPS)[])('%s', { timeout: LENGTH_MS * 3 + 180_000 }, async (where) => {
    const { violations, wrong, schedule, worst, endings, accepts, refusals, tokens, lags, details } = await runHistory({
      setup: SETUPS[where],
      seed: SEED,
      sessions: { maxStaleness: '5s' },
      boundMs: BOUND_MS,
      lengthMs: LENGTH_MS,
      longestMs: 3_000,
      serverFaults: SERVER_FAULTS,
      keepsData: false,
    });
    const told = `${schedule}\n${JSON.stringify({ endings, accepts, refusals, tokens, longest: lags[0]?.ms, worst }, null, 1)}\n${details}\n${wrong.slice(0, 5).join('\n')}`;
    if (process.env['SEED'] !== undefined || process.env['FIGURES'] !== undefined) console.log(told);
    expect(violations.slice(0, 5), told).toEqual([]);
    expect(wrong.slice(0, 20), told).toEqual([]);
    expect(endings).toBeGreaterThan(50);
    expect(accepts).toBeGreaterThan(500);
    expect(refusals).toBeGreaterThan(300);
  });
});
