import { defineConfig } from 'vitest/config';

// `npm run test:browser`: the compiled sample, as processes, and a real browser.
export default defineConfig({
  test: {
    include: ['test/browser/**/*.browser.ts'],
    globalSetup: ['test/browser/chromium.setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
