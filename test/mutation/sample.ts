import { seededRandom } from '../support/seeded-random.js';

const SEED = Number(process.env['SEED'] ?? 1);

/** Of all so large a part as `SHARE` says, the same for the same `SEED`. */
export function sampleOf<Item>(all: readonly Item[], defaultShare: number): Item[] {
  const share = Number(process.env['SHARE'] ?? defaultShare);
  const random = seededRandom(SEED);
  return all.filter(() => random() < share);
}
