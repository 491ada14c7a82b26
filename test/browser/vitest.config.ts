import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `npm run test:browser`: the compiled sample, as processes, and a real browser.
export default defineConfig({
  resolve: {
    alias: { 'nestjs-redis-auth/testing': fileURLToPath(new URL('../../lib/testing/index.ts', import.meta.url)) },
  },
  test: {
    include: ['test/browser/**/*.browser.ts'],
    globalSetup: ['test/browser/chromium.setup.ts'],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
