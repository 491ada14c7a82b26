/** One way to do something. `lane` tells concurrent calls apart: no two calls of a lane are under way at once. */
export interface Contender {
  name: string;
  call(lane: number): Promise<unknown>;
}

/** Calls a second, by contender and round. */
export type Rounds = Map<Contender, number[]>;

const WARM_UP = 3;

/**
 * Runs all contenders in turn, round after round, each round starting with another one: whatever else the machine does
 * meets all of them alike, and the ratio within a round says more than two numbers from two runs.
 */
export async function interleave(contenders: readonly Contender[], { rounds = 25, sliceMs = 80, inFlight = 64 } = {}): Promise<Rounds> {
  const measured: Rounds = new Map(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (let place = 0; place < contenders.length; place++) {
      const contender = contenders[(round + place) % contenders.length]!;
      globalThis.gc?.();
      const rate = await slice(contender, sliceMs, inFlight);
      if (round >= WARM_UP) measured.get(contender)!.push(rate);
    }
  }
  return measured;
}

async function slice(contender: Contender, sliceMs: number, inFlight: number): Promise<number> {
  const start = performance.now();
  let calls = 0;
  const lane = async (_: unknown, number: number): Promise<void> => {
    while (performance.now() - start < sliceMs) {
      await contender.call(number);
      calls++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (calls * 1000) / (performance.now() - start);
}
