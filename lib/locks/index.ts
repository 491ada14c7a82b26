export type { DistributedLockOptions, DistributedLockParts } from './distributed-lock-options.js';
export { DistributedLock } from './distributed-lock.js';
export type { FencedWrite } from './fenced-write.js';
export type * from './lock-types.js';
export { currentLock } from './re-entrance.js';
export { WithLock, type WithLockOptions } from './with-lock.decorator.js';
export { fencedWritePrivileges, lockPrivileges, lockReplicaPrivileges } from './privileges.js';
