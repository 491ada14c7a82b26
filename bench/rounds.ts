import { setTimeout as sleep } from 'node:timers/promises';

/** One way to do something. `lane` tells concurrent calls apart: no two calls of a lane are under way at once. */
export interface Contender {
  name: string;
  call(lane: number): Promise<unknown>;
}

/** One way to do something that is over at once, or at the next tick: as often as told, one after the other. */
export interface Loop {
  name: string;
  /** Before each turn, and not measured. */
  prepare?(): Promise<void>;
  run(times: number): void | Promise<void>;
  /** How often it can be run still, in this turn. */
  left?(): number;
}

/** What came of one turn. */
export interface Sample {
  perSecond: number;
  /** Of the process that does it, for each call. */
  cpuUs: number;
}

/** Calls a second, by contender and round. */
export type Rounds = Map<Contender, number[]>;

const WARM_UP = 3;
/** So many calls between two looks at the clock. */
const BATCH = 16;

/**
 * Runs all contenders in turn, round after round, each round starting with another one: whatever else the machine does
 * meets all of them alike, and the ratio within a round says more than two numbers from two runs.
 */
export async function inTurns<Entry>(
  contenders: readonly Entry[],
  rounds: number,
  measure: (contender: Entry) => Promise<Sample>,
): Promise<Map<Entry, Sample[]>> {
  const measured = new Map<Entry, Sample[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (let place = 0; place < contenders.length; place++) {
      const contender = contenders[(round + place) % contenders.length]!;
      globalThis.gc?.();
      // what came in meanwhile is not to be dealt with in the next turn
      await sleep(2);
      const sample = await measure(contender);
      if (round >= WARM_UP) measured.get(contender)!.push(sample);
    }
  }
  return measured;
}

export async function interleave(contenders: readonly Contender[], { rounds = 25, sliceMs = 80, inFlight = 64 } = {}): Promise<Rounds> {
  const measured = await inTurns(contenders, rounds, (contender) => inLanes(contender, sliceMs, inFlight));
  return new Map(Array.from(measured, ([contender, samples]) => [contender, samples.map(({ perSecond }) => perSecond)]));
}

/** As many calls at once as there are lanes. */
export function inLanes(contender: Contender, sliceMs = 80, lanes = 64): Promise<Sample> {
  return timed(async (isOver) => {
    let calls = 0;
    const lane = async (_: unknown, number: number): Promise<void> => {
      while (!isOver(sliceMs)) {
        await contender.call(number);
        calls++;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return calls;
  });
}

/** One call after the other. */
export async function inSequence(loop: Loop, sliceMs = 80): Promise<Sample> {
  await loop.prepare?.();
  return timed(async (isOver) => {
    let calls = 0;
    for (; !isOver(sliceMs) && (loop.left?.() ?? BATCH) >= BATCH; calls += BATCH) await loop.run(BATCH);
    return calls;
  });
}

async function timed(work: (isOver: (ms: number) => boolean) => Promise<number>): Promise<Sample> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const calls = await work((ms) => performance.now() - start >= ms);
  const perSecond = (calls * 1000) / (performance.now() - start);
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond, cpuUs: (user + system) / calls };
}
