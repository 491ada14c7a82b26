import type { Privileges } from '../redis/index.js';

/** For StoreStatistics, which measures keys of every letter and reads none but indexes. */
export const statisticsPrivileges = {
  commands: ['scan', 'time', 'memory|usage', 'zcount'],
  inCluster: ['cluster|myid', 'cluster|slots'],
  readKeys: ['*'],
} satisfies Privileges;
