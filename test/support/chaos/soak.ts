import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisAuthModuleOptions } from '../../../lib/options/index.js';
import { startRedis } from '../../../lib/testing/index.js';
import { ask } from '../ask.js';
import { PackageProgram, type PackageProcess } from '../package-program.js';
import { testOptions } from '../sessions.js';
import { until } from '../until.js';

/** What a process is told, a line each. */
export type SoakOrder = 'begin' | 'fill' | 'work' | 'rest' | 'measure' | 'stop';

export interface SoakOptions {
  readonly options: RedisAuthModuleOptions;
  readonly seed: number;
  /** Between two things that it does; each takes up to a dozen calls. */
  readonly everyMs: number;
  /** For which it does nothing before it measures: V8 gives pages back only then. */
  readonly pauseMs: number;
}

/** What a process holds while it does nothing, after its garbage was collected. */
export interface SoakMeasure {
  /** Bytes. */
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly listeners: number;
  /** Count of each kind. */
  readonly handles: Readonly<Record<string, number>>;
  readonly calls: number;
  /** Of these, calls that a machine with too much to do was too slow for. */
  readonly unavailable: number;
  readonly mishaps: readonly string[];
}

export interface SoakSample extends SoakMeasure {
  /** Since the end of the warm-up. */
  readonly minute: number;
  readonly dbSize: number;
}

export interface SoakPlan {
  readonly seed: number;
  readonly minutes: number;
  /** Under load before the first sample. */
  readonly warmUpMs: number;
  /** Whether memories that are bounded are filled before. */
  readonly fills: boolean;
  readonly everyMs: number;
  readonly pauseMs: number;
  readonly sampleEveryMs: number;
}

export interface SoakFigures {
  readonly samples: readonly SoakSample[];
  /** Least squares over all samples under load, MB in 10 minutes. */
  readonly rssSlope: number;
  readonly heapSlope: number;
  /** Number of keys at rest: before all of it, and when every life was over afterwards. */
  readonly keys: { readonly before: number; readonly after: number };
}

/** Of what is not there for good: 8 s of a session, what is known of its end for 12 s more, and a margin. */
const LONGEST_LIFE_MS = 30_000;
const LIVES_OVER_MS = 120_000;

/** One process under load, and a second one as noise, on a Redis of their own. */
export async function runSoak({ seed, minutes, warmUpMs, fills, everyMs, pauseMs, sampleEveryMs }: SoakPlan): Promise<SoakFigures> {
  await using redis = await startRedis();
  await using program = await PackageProgram.write(`import './test/support/chaos/soak-process.js';`, {
    also: [
      'test/support/chaos/soak-process.ts',
      'test/support/chaos/soak-load.ts',
      'test/support/seeded-random.ts',
      'test/support/until.ts',
    ],
  });
  const options = soakOptions(redis.url);
  const processes = [seed, seed + 1].map((own) => new SoakProcess(program.start({ options, seed: own, everyMs, pauseMs })));
  const [watched, noise] = processes as [SoakProcess, SoakProcess];
  const dbSize = (): Promise<number> => ask(redis, (client) => client.dbsize());
  /** Every key has a life: the count stands still when the last one is over. */
  const whenStill = async (): Promise<number> => {
    let [size, since] = [-1, performance.now()];
    const isStill = async (): Promise<boolean> => {
      const found = await dbSize();
      if (found !== size) [size, since] = [found, performance.now()];
      return performance.now() - since > LONGEST_LIFE_MS;
    };
    await until(isStill, { within: LIVES_OVER_MS, every: 500, what: 'every life is over' });
    return size;
  };

  await Promise.all(processes.map((each) => each.hear()));
  await Promise.all(processes.map((each) => each.ask('begin')));
  if (fills) await watched.ask('fill');
  // what was begun with lives for good
  const before = fills ? await whenStill() : await dbSize();
  await Promise.all(processes.map((each) => each.ask('work')));
  await sleep(warmUpMs);
  const samples: SoakSample[] = [];
  const start = performance.now();
  while (performance.now() - start < minutes * 60_000) {
    const measured = (await watched.ask('measure')) as SoakMeasure;
    samples.push({ ...measured, minute: (performance.now() - start) / 60_000, dbSize: await dbSize() });
    await sleep(sampleEveryMs);
  }
  const slope = (of: (sample: SoakSample) => number): number =>
    (leastSquares(samples.map((sample) => [sample.minute, of(sample)])) * 10) / 1024 ** 2;
  const slopes = { rssSlope: slope(({ rss }) => rss), heapSlope: slope(({ heapUsed }) => heapUsed) };
  await Promise.all(processes.map((each) => each.ask('rest')));
  await until(async () => (await dbSize()) <= before, { within: LIVES_OVER_MS, every: 500 }).catch(() => undefined);
  const after = await dbSize();
  const measured = (await watched.ask('measure')) as SoakMeasure;
  const others = (await noise.ask('measure')) as SoakMeasure;
  samples.push({
    ...measured,
    mishaps: [...measured.mishaps, ...others.mishaps],
    minute: (performance.now() - start) / 60_000,
    dbSize: after,
  });
  await Promise.all(processes.map((each) => each.ask('stop')));
  return { samples, ...slopes, keys: { before, after } };
}

/** Lives of seconds, so that each is over many times. */
function soakOptions(redis: string): RedisAuthModuleOptions {
  return testOptions({
    redis,
    audit: 'off',
    sessions: { accessTokenTtl: '2s', idleTimeout: '4s', absoluteTimeout: '8s', refreshLeeway: '1s', touchInterval: '1s', limit: 10 },
    tokens: { defaultTtl: '4s' },
    oauth: { defaultTtl: '4s' },
    cache: { localMaxBytes: 1_000_000 },
  });
}

class SoakProcess {
  constructor(private readonly process: PackageProcess) {}

  hear(): Promise<string> {
    return this.process.hear();
  }

  /** Resolves to the answer when it is done. */
  async ask(order: SoakOrder): Promise<unknown> {
    this.process.say(order);
    const { result } = JSON.parse(await this.process.hear()) as { result?: unknown };
    return result;
  }
}

/** Slope of the line through these points. */
export function leastSquares(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return covariance / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}
