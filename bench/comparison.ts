import type { Sample } from './rounds.js';
import { quartiles, ratios, type Quartiles } from './statistics.js';

/** Something beside the least that it can cost. */
export interface Comparison {
  name: string;
  baseline: string;
  goal?: number;
  perSecond: Quartiles;
  ratio: Quartiles;
  /** CPU time of a call, and that of the baseline relative to it: 1 where it costs as much. */
  cpuUs: Quartiles;
  cpuRatio: Quartiles;
}

/** What is to be compared with what. */
export interface Pair<Entry> {
  ours: Entry;
  baseline: Entry;
  goal?: number;
}

export function compare<Entry extends { name: string }>(
  { ours, baseline, goal }: Pair<Entry>,
  measured: ReadonlyMap<Entry, readonly Sample[]>,
): Comparison {
  const [of, to] = [measured.get(ours)!, measured.get(baseline)!];
  return {
    name: ours.name,
    baseline: baseline.name,
    ...(goal !== undefined && { goal }),
    perSecond: quartiles(rates(of)),
    ratio: ratios(rates(of), rates(to)),
    cpuUs: quartiles(costs(of)),
    cpuRatio: ratios(costs(to), costs(of)),
  };
}

export function rates(samples: readonly Sample[]): number[] {
  return samples.map(({ perSecond }) => perSecond);
}

function costs(samples: readonly Sample[]): number[] {
  return samples.map(({ cpuUs }) => cpuUs);
}
