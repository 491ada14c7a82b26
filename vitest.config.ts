import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Tests of faults and of failing-over topologies measure time: they have the machine to themselves.
const SERIAL = ['test/faults/**/*.spec.ts', 'test/topology/**/*.spec.ts'];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^nestjs-redis-auth$/, replacement: at('lib/index.ts') },
      { find: /^nestjs-redis-auth\/testing$/, replacement: at('lib/testing/index.ts') },
    ],
  },
  test: {
    testTimeout: 30_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/redis.setup.ts'],
    setupFiles: ['reflect-metadata'],
    coverage: { include: ['lib/**/*.ts'] },
    projects: [
      {
        extends: true,
        test: { name: 'parallel', include: ['test/**/*.spec.ts'], exclude: SERIAL, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: 'serial', include: SERIAL, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
