import { mergeConfig } from 'vitest/config';
import root from '../../vitest.config.js';

/** Faults at the length and number that is promised: `npm run test:long`. Not part of `npm test`, which does the same in little. */
const { test, ...rest } = root;
const { projects = [], ...shared } = test ?? {};
const [{ resolve }] = projects as [{ resolve: object }];

export default mergeConfig(rest, {
  resolve,
  test: {
    ...shared,
    include: [
      'test/faults/locks/{losses,fencing}.spec.ts',
      'test/faults/cache/cache.spec.ts',
      'test/faults/revocation/{single-faults,outages,many}.spec.ts',
      'test/e2e/transports/leaks.spec.ts',
      'test/integration/migration/interrupted.spec.ts',
      'test/integration/sessions/concurrency.spec.ts',
      'test/topology/{planned-failover,every-master.cluster,testing.cluster}.spec.ts',
    ],
    env: { LONG_RUNS: '1' },
    setupFiles: ['reflect-metadata'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
