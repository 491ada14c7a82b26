import { seededRandom } from '../seeded-random.js';

/** What befalls the way between one instance and Redis. */
export type LinkFault = 'cut' | 'silent' | 'late' | 'refused' | 'accept then close';

const LINK_FAULTS: readonly LinkFault[] = ['cut', 'cut', 'silent', 'silent', 'late', 'refused', 'accept then close'];

export interface PlannedFault {
  /** Milliseconds from the beginning. */
  readonly at: number;
  readonly forMs: number;
  /** Number of the instance whose link it is; the server otherwise. */
  readonly where: number | 'server';
  readonly fault: string;
  /** Of a link that is late: by how much, each way. */
  readonly byMs?: number;
}

export interface SchedulePlan {
  readonly seed: number;
  readonly instances: number;
  readonly lengthMs: number;
  /** Of one fault. */
  readonly longestMs: number;
  readonly serverFaults: readonly string[];
  /** Between two faults of the server, at most. @default a quarter of the longest fault and 500 */
  readonly serverRestMs?: number;
  /** The same of a link. @default as that */
  readonly linkRestMs?: number;
}

/** Over as soon as they have befallen. */
const MOMENTARY: ReadonlySet<string> = new Set([
  'cut',
  'scripts flushed',
  'stream deleted',
  'stream trimmed',
  'anchor deleted',
  'stream and anchor deleted',
  'clients killed',
  'everything deleted',
  // they take their own time
  'planned failover',
  'master killed',
]);

/** Faults at random, for each link and for the server one after another; the same for the same seed. */
export function schedule({ seed, instances, lengthMs, longestMs, serverFaults, serverRestMs, linkRestMs }: SchedulePlan): PlannedFault[] {
  const random = seededRandom(seed);
  const between = (least: number, most: number): number => Math.round(least + random() * (most - least));
  const planned: PlannedFault[] = [];
  for (const where of [...Array(instances).keys(), 'server' as const]) {
    const kinds = where === 'server' ? serverFaults : LINK_FAULTS;
    const restMs = (where === 'server' ? serverRestMs : linkRestMs) ?? longestMs / 4 + 500;
    // each kind once, in some order, before any comes again
    let rest: string[] = [];
    for (let at = between(100, restMs); at < lengthMs;) {
      if (rest.length === 0) rest = [...kinds];
      const [fault] = rest.splice(Math.floor(random() * rest.length), 1) as [string];
      const forMs = MOMENTARY.has(fault) ? 0 : Math.min(between(50, longestMs), lengthMs - at);
      planned.push({ at, forMs, where, fault, ...(fault === 'late' && { byMs: between(20, longestMs / 2) }) });
      at += forMs + between(50, restMs);
    }
  }
  return planned.sort((one, other) => one.at - other.at);
}

/** One line each. */
export function describeSchedule(planned: readonly PlannedFault[]): string {
  return planned
    .map(({ at, forMs, where, fault, byMs }) => {
      const whose = where === 'server' ? 'server' : `link of ${where}`;
      return `${String(at).padStart(7)} ms  ${whose}: ${fault}${byMs === undefined ? '' : ` by ${byMs} ms`}${forMs === 0 ? '' : `, for ${forMs} ms`}`;
    })
    .join('\n');
}
