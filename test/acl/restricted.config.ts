import { mergeConfig } from 'vitest/config';
import root from '../../vitest.config.js';

/** The tests of the suite as an ACL user that may do no more than it has to: a part of `npm run test:acl`. */
const { test, ...rest } = root;
const { projects = [], globalSetup: _, ...shared } = test ?? {};
const [{ resolve }] = projects as [{ resolve: object }];

const EXCLUDED = [
  // what starts servers, or programs that connect by themselves, or asks by a client of its own
  'test/integration/testing.*.spec.ts',
  'test/integration/cli/**',
  'test/integration/privileges/**',
  'test/integration/{cache,rate-limit,tokens}/clients.spec.ts',
  // what is about users, passwords and rights itself
  'test/integration/audit/**',
  // what sends commands of its own over the connection, which are not this package's, or tells of credentials
  'test/integration/connection-{api,forms}.spec.ts',
  'test/topology/connection.cluster.spec.ts',
  // what says nothing more of what a user may do, and takes long
  'test/integration/naughty-strings/**',
  'test/integration/**/{concurrency,memory}.spec.ts',
  'test/topology/planned-failover.spec.ts',
];

export default mergeConfig(
  { ...rest, resolve },
  {
    test: {
      ...shared,
      globalSetup: ['test/acl/restricted.global.ts'],
      include: ['test/integration/**/*.spec.ts', 'test/conformance/**/*.spec.ts', 'test/topology/**/*.spec.ts'],
      exclude: EXCLUDED,
      setupFiles: ['reflect-metadata', 'test/acl/restricted.setup.ts'],
      maxWorkers: 2,
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  },
);
