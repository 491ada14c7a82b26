import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const resolve = {
  alias: [
    { find: /^nestjs-redis-auth$/, replacement: at('lib/index.ts') },
    { find: /^nestjs-redis-auth\/testing$/, replacement: at('lib/testing/index.ts') },
    { find: /^nestjs-redis-auth\/keyv$/, replacement: at('lib/adapters/keyv/index.ts') },
    { find: /^nestjs-redis-auth\/throttler$/, replacement: at('lib/adapters/throttler/index.ts') },
    { find: /^nestjs-redis-auth\/oidc-provider$/, replacement: at('lib/adapters/oidc-provider/index.ts') },
    { find: /^nestjs-redis-auth\/terminus$/, replacement: at('lib/adapters/terminus/index.ts') },
    { find: /^nestjs-redis-auth\/otel$/, replacement: at('lib/adapters/otel/index.ts') },
  ],
};

// What is waited for comes when it comes, on a busy machine later than within the second that Vitest gives it.
const test = { testTimeout: 60_000, hookTimeout: 120_000, expect: { poll: { timeout: 10_000 } }, setupFiles: ['reflect-metadata'] };

// Tests of faults and of topologies that fail over wait more than they work, and are held to times: no more than two at once.
// A failover that Sentinels give up and begin again may take half a minute by itself.
const patient = { testTimeout: 120_000 };
const waiting = ['test/faults/**/*.spec.ts', 'test/topology/**/*.spec.ts', 'test/integration/sessions/clock.spec.ts'];
// These measure milliseconds: they have the machine to themselves.
const alone = [
  'test/faults/{cache,rate-limit}/**/*.spec.ts',
  'test/faults/revocation/{many,outages,history}.spec.ts',
  'test/faults/matrix.spec.ts',
  'test/topology/rate-limit/**/*.spec.ts',
];
// Take minutes: `npm run test:long`, `npm run test:history`, `npm run chaos`, `npm run soak`.
const long = [
  'test/faults/revocation/history.topology.spec.ts',
  'test/topology/planned-failover.spec.ts',
  'test/topology/every-master.cluster.spec.ts',
  'test/topology/testing.cluster.spec.ts',
  'test/chaos/runs/**',
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/redis.setup.ts'],
    coverage: { include: ['lib/**/*.ts'] },
    projects: [
      {
        resolve,
        test: {
          ...test,
          name: 'parallel',
          // Modules are loaded once for all the files of a worker: loading them for each took as long as all of the tests.
          isolate: false,
          include: ['test/**/*.spec.ts'],
          exclude: [...waiting, ...long],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        test: {
          ...test,
          ...patient,
          name: 'waiting',
          include: waiting,
          exclude: [...alone, ...long],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { resolve, test: { ...test, ...patient, name: 'alone', include: alone, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
