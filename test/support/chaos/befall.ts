import { setTimeout as sleep } from 'node:timers/promises';
import { type Lapse, now } from './history.js';
import type { LinkFault, PlannedFault } from './schedule.js';
import type { Setup } from './setups.js';

/** A fault as it befell. */
export interface Befallen extends PlannedFault {
  readonly from: number;
  readonly to: number;
}

/** Lets everything befall that is planned, each at its time. */
export async function befall(
  setup: Setup,
  planned: readonly PlannedFault[],
  lengthMs: number,
): Promise<{ befallen: Befallen[]; lapses: Lapse[] }> {
  const befallen: Befallen[] = [];
  const lapses: Lapse[] = [];
  const start = now();
  const one = async (fault: PlannedFault): Promise<void> => {
    await sleep(Math.max(0, start + fault.at - now()));
    // one before it took longer than was planned, as a failover may
    if (now() > start + lengthMs) return;
    const from = now();
    if (fault.where === 'server') {
      const lapse = await setup.faults[fault.fault]!(fault.forMs);
      if (lapse !== undefined) lapses.push(lapse);
    } else {
      const links = setup.links[fault.where]!;
      await links.begin(fault.fault as LinkFault, fault.byMs);
      await sleep(fault.forMs);
      await links.heal();
    }
    befallen.push({ ...fault, from, to: now() });
  };
  const places = [...new Set(planned.map(({ where }) => where))].map(async (where) => {
    for (const fault of planned) if (fault.where === where) await one(fault);
  });
  await Promise.all([...places, sleep(lengthMs)]);
  return { befallen, lapses };
}
