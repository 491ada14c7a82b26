import { mergeConfig } from 'vitest/config';
import long from './vitest.config.js';

/** Ten minutes of faults at random, and failovers behind Sentinels and in a Cluster: `npm run test:history`; `SEED=…` repeats one. */
export default mergeConfig(
  { ...long, test: { ...long.test, include: [] } },
  { test: { include: ['test/faults/revocation/history*.spec.ts'] } },
);
