import { defineConfig } from 'vitest/config';

/** Whether the tests notice when something is wrong: `npm run mutants`, and `npm run mutants -- security` for the guards alone. */
export default defineConfig({
  test: {
    include: ['test/mutation/*.mutants.ts'],
    fileParallelism: false,
    // each is a process that mostly waits
    maxConcurrency: Number(process.env['AT_ONCE'] ?? 2),
    testTimeout: 0,
    reporters: ['verbose'],
  },
});
