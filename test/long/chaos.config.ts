import { mergeConfig } from 'vitest/config';
import long from './vitest.config.js';

/** Histories under faults at random: `npm run chaos`; bugs planted to see them found: `npm run chaos:planted`. */
export default mergeConfig(
  { ...long, test: { ...long.test, include: [] } },
  { test: { include: ['test/chaos/runs/{chaos,planted}.spec.ts'], env: { LONG_RUNS: '' }, maxConcurrency: 2 } },
);
