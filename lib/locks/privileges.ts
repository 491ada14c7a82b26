import { type Privileges, scriptsIn } from '../redis/index.js';
import * as fenced from './fenced-write.js';
import * as mutex from './mutex.lua.js';
import * as shared from './shared.lua.js';

/** For DistributedLock. */
export const lockPrivileges = {
  scripts: scriptsIn(mutex, shared),
  commands: ['subscribe'],
  keys: ['w:{*', 'q:{*', 'f:{[0-9]*'],
  channels: () => ['w:*'],
} satisfies Privileges;

/** For `minReplicas` besides. */
export const lockReplicaPrivileges = {
  commands: ['wait'],
  inCluster: ['cluster|keyslot'],
} satisfies Privileges;

/** For `writeFenced` besides; its hashes are the application's own, and so are the patterns of their names. */
export const fencedWritePrivileges = {
  scripts: scriptsIn(fenced),
} satisfies Privileges;
