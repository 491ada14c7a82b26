import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Call, Violation } from './history.js';
import { checkCached } from './properties/cached.js';
import { failuresOf } from './properties/failures.js';
import { checkFamilies } from './properties/families.js';
import { checkLimits } from './properties/limits.js';
import { checkRevoked } from './properties/revoked.js';
import { checkSections } from './properties/sections.js';
import type { Run } from './run.js';

const KEPT_IN = fileURLToPath(new URL('../../../node_modules/.cache/chaos/', import.meta.url));

export type Property = 'revoked' | 'families' | 'sections' | 'limits' | 'cached' | 'failures';

/** What is promised of a run. */
export interface Bounds {
  readonly revocationMs: number;
  readonly leewayMs: number;
  readonly cacheMs: number;
  readonly instances: number;
}

export interface Finding {
  readonly violations: readonly Violation[];
  /** How much there was to be judged, and how close it came. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Every property of a history. */
export function judge(
  { calls, lapses }: Pick<Run, 'calls' | 'lapses'>,
  { revocationMs, leewayMs, cacheMs, instances }: Bounds,
): Record<Property, Finding> {
  const { violations: late, lags, endings, accepts, refusals } = checkRevoked(calls, { boundMs: revocationMs, lapses });
  return {
    revoked: {
      violations: late.map(({ what, call, ending }) => ({ what, calls: [call, ending] })),
      figures: { endings, accepts, refusals, longestMs: lags[0]?.ms ?? 0 },
    },
    families: finding(checkFamilies(calls, { leewayMs, lapses })),
    sections: finding(checkSections(calls, { lapses })),
    limits: finding(checkLimits(calls, { instances, lapses })),
    cached: finding(checkCached(calls, { boundMs: cacheMs, lapses })),
    failures: { violations: failuresOf(calls), figures: { calls: calls.length } },
  };
}

function finding<Verdict extends { readonly violations: readonly Violation[] }>({ violations, ...figures }: Verdict): Finding {
  return { violations, figures: figures as unknown as Record<string, number> };
}

/** All that is needed to understand a run, and to have it once more. */
export function tell({ schedule, lapses, calls, wrong }: Run, found: Record<Property, Finding>): string {
  const first = calls.reduce((least, { start }) => Math.min(least, start), Infinity);
  const moved = (call: Call): string =>
    JSON.stringify({ ...call, start: Math.round(call.start - first), end: Math.round(call.end - first) });
  const lines = [schedule, ...lapses.map(({ from, to, loses }) => `loses ${loses}: ${Math.round(from - first)}-${Math.round(to - first)}`)];
  for (const [property, { violations, figures }] of Object.entries(found)) {
    lines.push(
      `${property}: ${violations.length} violations ${JSON.stringify(figures, (_, value) => (typeof value === 'number' ? Math.round(value) : (value as unknown)))}`,
    );
    for (const { what, calls: involved } of violations.slice(0, 3))
      lines.push(`  ${what}`, ...involved.map((call) => `    ${moved(call)}`));
  }
  return [...lines, ...wrong.slice(0, 10)].join('\n');
}

/** One line per call, in a file that outlives the run. Returns where. */
export async function keepHistory(name: string, calls: readonly Call[]): Promise<string> {
  const path = join(KEPT_IN, `${name.replaceAll(' ', '-')}.ndjson`);
  await mkdir(KEPT_IN, { recursive: true });
  await writeFile(path, calls.map((call) => JSON.stringify(call)).join('\n'));
  return path;
}
