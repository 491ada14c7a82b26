import { DistributedLock, type Lock } from '../../../lib/locks/index.js';
import { closing } from './closing.js';
import { once, type Operation, operationsOf } from './operation.js';
import type { Services } from './services.js';

const operation = operationsOf('locks');
/** Longer than any fault lasts. */
const ttl = '1h';
/** So long a call may take beyond the time that Redis gets. */
export const LOCK_WAIT_MS = 100;
const wait = `${LOCK_WAIT_MS} ms`;
const isLock = { succeeded: (lock: Lock | null) => lock !== null };
const isBound = { isBound: true } as const;

async function isHeld({ locks }: Services, key: string): Promise<number> {
  const lock = await locks.tryAcquire(key, { ttl });
  await lock?.release();
  return once(lock === null);
}

async function isFree(other: Services, key: string): Promise<number> {
  return 1 - (await isHeld(other, key));
}

/** A hash of the application's own, in every Cluster the same place. */
const reportOf = ({ keyPrefix }: Services, id: string): string => `${keyPrefix}own:{${id}}`;

export const LOCK_OPERATIONS: readonly Operation[] = [
  operation(
    'DistributedLock.tryAcquire',
    'lock',
    ({ locks }, _by, id) => ({
      call: () => locks.tryAcquire(id, { ttl }),
      effects: (other) => isHeld(other, id),
    }),
    isLock,
  ),
  operation(
    'DistributedLock.tryAcquire (of a group)',
    'lock',
    ({ locks }, _by, id) => ({
      call: () => locks.tryAcquire({ group: id, keys: ['a', 'b'] }, { ttl }),
      effects: (other) => once(other.locks.tryAcquire({ group: id, keys: ['b'] }, { ttl }).then((lock) => lock === null)),
    }),
    isLock,
  ),
  operation('DistributedLock.acquire', 'lock', ({ locks }, _by, id) => ({
    call: () => locks.acquire(id, { ttl, wait }),
    effects: (other) => isHeld(other, id),
  })),
  operation('DistributedLock.using', 'lock', ({ locks }, _by, id) => {
    let runs = 0;
    return {
      call: () => locks.using(id, { ttl, wait }, async () => (runs += 1)),
      effects: async () => runs,
    };
  }),
  operation('DistributedLock.writeFenced', 'write', (on, _by, id) => ({
    call: () => on.locks.writeFenced(reportOf(on, id), { fencingToken: 1n, fields: { a: '1' }, ttl }),
    effects: (other) => other.connection.execute('test', (client) => client.exists(reportOf(other, id))),
  })),
  operation(
    'Lock.extend',
    'unlock',
    async ({ locks }, _by, id) => {
      const lock = await locks.acquire(id, { ttl });
      return { call: () => lock.extend() };
    },
    isBound,
  ),
  operation(
    'Lock.release',
    'unlock',
    async ({ locks }, _by, id) => {
      const lock = await locks.acquire(id, { ttl });
      return { call: () => lock.release(), effects: (other) => isFree(other, id) };
    },
    isBound,
  ),
  operation(
    'Lock.[Symbol.asyncDispose]',
    'cache',
    async ({ locks }, _by, id) => {
      const lock = await locks.acquire(id, { ttl });
      return { call: () => lock[Symbol.asyncDispose](), effects: (other) => isFree(other, id) };
    },
    isBound,
  ),
  operation(
    'Lock.assertHeld',
    'here',
    async ({ locks }, _by, id) => {
      const lock = await locks.acquire(id, { ttl });
      return { call: async () => lock.assertHeld() };
    },
    isBound,
  ),
  closing(operation, 'DistributedLock.close', ({ redis, keyPrefix }) => {
    const locks = new DistributedLock({ redis, keyPrefix });
    return { ask: () => locks.tryAcquire('nothing', { ttl: '10 ms' }), close: () => locks.close() };
  }),
];
