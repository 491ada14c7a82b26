import { mergeConfig } from 'vitest/config';
import root from '../../vitest.config.js';

/** Faults at the length and number that is promised: `npm run test:long`. Not part of `npm test`, which does the same in little. */
const { test, ...rest } = root;
const { projects: _, ...shared } = test ?? {};

export default mergeConfig(rest, {
  test: {
    ...shared,
    include: ['test/faults/locks/{losses,fencing}.spec.ts', 'test/faults/cache/cache.spec.ts'],
    env: { LONG_RUNS: '1' },
    setupFiles: ['reflect-metadata'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
