import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheOptions, LockOptions, RateLimitOptions, SessionOptions } from '../../../lib/options/index.js';
import { uniquePrefix } from '../key-prefix.js';
import type { Edit } from '../package-program.js';
import { befall, type Befallen } from './befall.js';
import type { Call, Lapse, WorkloadName } from './history.js';
import { Instances, writeProgram } from './instances.js';
import { describeSchedule, schedule, type SchedulePlan } from './schedule.js';
import type { Setup } from './setups.js';

const INSTANCES = 3;

export interface RunPlan extends Omit<SchedulePlan, 'instances'> {
  readonly setup: (keyPrefix: string, instances: number) => Promise<Setup>;
  readonly workloads: readonly WorkloadName[];
  readonly sessions: SessionOptions;
  readonly rateLimit?: RateLimitOptions;
  readonly cache?: CacheOptions;
  readonly locks?: LockOptions;
  /** How late an instance may learn of what another has done. */
  readonly boundMs: number;
  /** Of the package, in all processes. */
  readonly edits?: readonly Edit[];
  /** Asked when all is quiet, before the processes end; returns what is wrong, one line each. */
  readonly lookAtTheEnd?: (end: RunEnd) => Promise<string[]>;
}

export interface RunEnd {
  readonly setup: Setup;
  readonly keyPrefix: string;
  readonly instances: Instances;
}

/** What happened in a run. */
export interface Run {
  readonly calls: readonly Call[];
  readonly lapses: readonly Lapse[];
  readonly befallen: readonly Befallen[];
  /** What was planned, and how to repeat it. */
  readonly schedule: string;
  /** What is wrong when all is over, one line each. */
  readonly wrong: readonly string[];
  readonly instances: Instances;
}

/** Lets three processes work under faults, and tells what they did. */
export async function runChaos(plan: RunPlan): Promise<Run> {
  const { seed, boundMs, lengthMs, workloads, sessions, rateLimit, cache, locks } = plan;
  const keyPrefix = uniquePrefix();
  await using setup = await plan.setup(keyPrefix, INSTANCES);
  const planned = schedule({ ...plan, instances: INSTANCES });
  await using program = await writeProgram(plan.edits);
  const options = {
    keyPrefix,
    commandTimeout: 500,
    sessions,
    ...(rateLimit && { rateLimit }),
    ...(cache && { cache }),
    ...(locks && { locks }),
  };
  const instances = await Instances.start(
    program,
    setup.links.map((_, index) => ({
      index,
      workloads,
      options: { ...options, redis: setup.redisOf(index) },
      seed: seed * 10 + index,
      leisure: lengthMs > 60_000 || workloads.length > 1 ? 2 : 1,
      presentForMs: boundMs + 3_000,
    })),
  );
  const { befallen, lapses } = await befall(setup, planned, lengthMs);
  await setup.settled();
  // what was ended last may be accepted until now, and no longer
  await sleep(boundMs);
  await instances.rest();
  const wrong = (await plan.lookAtTheEnd?.({ setup, keyPrefix, instances })) ?? [];
  await instances.stop();
  return {
    calls: instances.calls,
    lapses,
    befallen,
    schedule: `SEED=${seed}\n${describeSchedule(planned)}`,
    wrong: [...wrong, ...instances.mishaps],
    instances,
  };
}
