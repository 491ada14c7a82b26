import { type Privileges, scriptsIn } from '../redis/index.js';
import * as entry from './entry.lua.js';
import { CHANNEL } from './invalidation-link.js';

/** For CacheAdapter, its in-process tier and the store for Keyv. */
export const cachePrivileges = {
  scripts: scriptsIn(entry),
  commands: ['mget', 'set', 'unlink', 'scan', 'client|id', 'client|tracking', 'subscribe'],
  inCluster: ['get'],
  keys: ['e:*', 'n:*', 'h:*'],
  serverChannels: [CHANNEL],
} satisfies Privileges;
