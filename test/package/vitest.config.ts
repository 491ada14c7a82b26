import { defineConfig } from 'vitest/config';

/** The tarball as its users get it: `npm run test:package`. Not part of `npm test`, since it installs packages. */
export default defineConfig({
  test: {
    include: ['test/package/*.package.ts'],
    globalSetup: ['test/package/tarball.setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
  },
});
