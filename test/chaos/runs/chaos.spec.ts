import { describe, expect, it } from 'vitest';
import { BOUNDS, PLANS, type Topology } from '../../support/chaos/plans.js';
import { wrongAtTheEnd } from '../../support/chaos/run-history.js';
import { runChaos } from '../../support/chaos/run.js';
import { judge, keepHistory, tell } from '../../support/chaos/verdict.js';

const SEED = Number(process.env['SEED'] ?? 1);
const TOPOLOGY = (process.env['TOPOLOGY'] ?? 'one') as Topology | 'all';
/** Of all runs together. */
const CHAOS_MS = Number(process.env['CHAOS_MS'] ?? 60_000);

const plans = Object.entries(PLANS).flatMap(([topology, ofIt]) =>
  TOPOLOGY === 'all' || TOPOLOGY === topology ? Object.entries(ofIt) : [],
);
const LENGTH_MS = Math.round(CHAOS_MS / plans.length);

describe('three processes under faults at random: what they did is what was promised', () => {
  it.each(plans)('%s', { timeout: LENGTH_MS * 3 + 180_000 }, async (name, { keepsData, ...plan }) => {
    const run = await runChaos({ ...plan, seed: SEED, lengthMs: LENGTH_MS, lookAtTheEnd: (end) => wrongAtTheEnd(end, keepsData) });
    const found = judge(run, { ...BOUNDS, revocationMs: plan.boundMs });
    const isClean = run.wrong.length === 0 && Object.values(found).every(({ violations }) => violations.length === 0);
    const told = `${name}, ${LENGTH_MS} ms\n${tell(run, found)}`;
    if (!isClean || process.env['SEED'] !== undefined) console.log(`${told}\nhistory: ${await keepHistory(`${name} ${SEED}`, run.calls)}`);
    else
      console.log(
        told
          .split('\n')
          .filter((line) => line.includes('violations'))
          .join('\n'),
      );
    for (const { violations } of Object.values(found)) expect(violations.slice(0, 3), told).toEqual([]);
    expect(run.wrong.slice(0, 10), told).toEqual([]);
    // it was worth the while
    const { revoked, families, sections, limits, cached } = found;
    const seconds = LENGTH_MS / 1_000;
    expect(revoked.figures['endings'], told).toBeGreaterThan(seconds / 2);
    expect(families.figures['shared'], told).toBeGreaterThan(seconds);
    expect(families.figures['reuses'], told).toBeGreaterThan(0);
    expect(sections.figures['sections'], told).toBeGreaterThan(seconds / 2);
    expect(limits.figures['denied'], told).toBeGreaterThan(seconds);
    expect(cached.figures['invalidations'], told).toBeGreaterThan(seconds / 3);
  });
});
