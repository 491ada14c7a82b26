import { mergeConfig } from 'vitest/config';
import long from './vitest.config.js';

/** Half an hour of mixed load: `npm run soak`; `SOAK_MINUTES=…` for another length. */
export default mergeConfig({ ...long, test: { ...long.test, include: [] } }, { test: { include: ['test/chaos/runs/soak.spec.ts'] } });
