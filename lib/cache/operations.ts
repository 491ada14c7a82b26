/** Methods of a CacheAdapter of which each call is told. */
export const OPERATIONS = [
  'get',
  'set',
  'delete',
  'deleteMany',
  'ttl',
  'acquireLock',
  'releaseLock',
  'isAvailable',
  'getOrSet',
  'invalidateTags',
  'clear',
] as const;
