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
  ],
};

const test = { testTimeout: 30_000, hookTimeout: 120_000, setupFiles: ['reflect-metadata'] };

// Tests of faults, of failing-over topologies and of timeouts measure time: they have the machine to themselves.
const serial = ['test/faults/**/*.spec.ts', 'test/topology/**/*.spec.ts', 'test/integration/sessions/clock.spec.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/support/redis.setup.ts'],
    coverage: { include: ['lib/**/*.ts'] },
    projects: [
      {
        resolve,
        test: { ...test, name: 'parallel', include: ['test/**/*.spec.ts'], exclude: serial, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        resolve,
        test: { ...test, name: 'serial', include: serial, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
