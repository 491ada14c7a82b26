import { describe, expect, it } from 'vitest';
import type { Edit } from '../../support/package-program.js';
import { BOUNDS, COMMON } from '../../support/chaos/plans.js';
import { type Hunt, HUNTS, PLANTED } from '../../support/chaos/planted.js';
import { runChaos } from '../../support/chaos/run.js';
import { oneServer } from '../../support/chaos/setups.js';
import { type Finding, judge, type Property, tell } from '../../support/chaos/verdict.js';

const LENGTH_MS = Number(process.env['PLANTED_MS'] ?? 3_500);
const MOST_SEEDS = 4;
const FIRST_SEED = Number(process.env['SEED'] ?? 1);

interface Hunted {
  readonly found: Record<Property, Finding>;
  readonly told: string;
}

async function hunt({ workload, ...faults }: Hunt, seed: number, edits: readonly Edit[]): Promise<Hunted> {
  const isOfRevocation = workload === 'revocation';
  const run = await runChaos({
    ...COMMON,
    serverRestMs: 1_500,
    linkRestMs: 1_500,
    ...faults,
    setup: oneServer,
    workloads: [workload],
    // what has to be seen is that something is accepted beyond the bound
    boundMs: isOfRevocation ? BOUNDS.revocationMs : workload === 'cache' ? BOUNDS.cacheMs : 0,
    lengthMs: LENGTH_MS,
    seed,
    edits,
  });
  const found = judge(run, BOUNDS);
  return { found, told: tell(run, found) };
}

/** Runs without a bug, one of each kind and seed. */
const clean = new Map<string, Promise<Hunted>>();
function withoutBug(hunted: Hunt, seed: number): Promise<Hunted> {
  const name = `${hunted.workload} ${seed}`;
  const run = clean.get(name) ?? hunt(hunted, seed, []);
  clean.set(name, run);
  return run;
}

// Two at a time: each is idle for most of its time.
describe('a planted bug is found, and nothing where there is none', () => {
  it.concurrent.each(Object.entries(PLANTED))('%s', { timeout: 240_000 }, async (name, { property, edit }) => {
    const hunted = HUNTS[property as keyof typeof HUNTS];
    let seed = FIRST_SEED;
    let { found, told } = await hunt(hunted, seed, [edit]);
    while (found[property].violations.length === 0 && seed + 1 < FIRST_SEED + MOST_SEEDS)
      ({ found, told } = await hunt(hunted, (seed += 1), [edit]));
    expect(found[property].violations.length, `${name} was not found with ${MOST_SEEDS} seeds\n${told}`).toBeGreaterThan(0);
    console.log(
      `${name}: ${found[property].violations.length} × "${found[property].violations[0]!.what}", seeds tried: ${seed - FIRST_SEED + 1}`,
    );
    const without = await withoutBug(hunted, seed);
    for (const { violations } of Object.values(without.found)) expect(violations.slice(0, 3), without.told).toEqual([]);
  });
});
