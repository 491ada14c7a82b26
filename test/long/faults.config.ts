import { mergeConfig } from 'vitest/config';
import long from './vitest.config.js';

/** Every public method under every fault on every topology, and docs/fault-matrix.md anew: `npm run test:faults`. */
export default mergeConfig(
  { ...long, test: { ...long.test, include: [] } },
  { test: { include: ['test/faults/matrix.whole.ts'], testTimeout: 1_200_000 } },
);
