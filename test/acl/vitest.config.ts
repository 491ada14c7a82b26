import { mergeConfig } from 'vitest/config';
import restricted from './restricted.config.js';

/** As an ACL user that may do no more than it has to: `npm run test:acl`. Not part of `npm test`, which does the same in little. */
export default mergeConfig(
  { ...restricted, test: { ...restricted.test, globalSetup: [], include: [], setupFiles: [] } },
  {
    test: {
      globalSetup: ['test/support/redis.setup.ts'],
      include: ['test/acl/**/*.acl.ts'],
      setupFiles: ['reflect-metadata'],
    },
  },
);
