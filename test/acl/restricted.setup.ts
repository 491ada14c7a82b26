import type { RedisOptions } from 'ioredis';
import { beforeEach, vi } from 'vitest';
import type { ResolvedConnection } from '../../lib/options/index.js';
import type { createClient as CreateClient } from '../../lib/redis/client-profile.js';
import type { startRedis as StartRedis } from '../../lib/testing/start-redis.js';
import { RESTRICTED, restrictedUser } from './restricted-user.js';

// Every server has the user, and whatever of this package connects without credentials of its own is it. What a test asks a
// server by itself it asks as somebody who may do everything.

vi.mock('../../lib/testing/start-redis.js', async (original) => {
  const real = await original<{ startRedis: typeof StartRedis }>();
  const startRedis: typeof StartRedis = (given) => {
    const options = given ?? {};
    const isSentinel = options.args?.includes('--sentinel') === true;
    const user = `user ${restrictedUser().join(' ')}`;
    return real.startRedis(isSentinel ? options : { ...options, config: [user, ...(options.config ?? [])] });
  };
  return { ...real, startRedis };
});

vi.mock('../../lib/redis/client-profile.js', async (original) => {
  const real = await original<{ createClient: typeof CreateClient }>();
  const isNamed = ({ username, password }: RedisOptions = {}): boolean => (username ?? password ?? undefined) !== undefined;
  const named = (connection: ResolvedConnection): ResolvedConnection => {
    if (connection.kind === 'client') return connection;
    if (connection.kind !== 'cluster') {
      return isNamed(connection.options) ? connection : { ...connection, options: { ...connection.options, ...RESTRICTED } };
    }
    const { redisOptions } = connection.options;
    if (isNamed(redisOptions)) return connection;
    return { ...connection, options: { ...connection.options, redisOptions: { ...redisOptions, ...RESTRICTED } } };
  };
  const createClient: typeof CreateClient = (connection, timeout) => real.createClient(named(connection), timeout);
  return { ...real, createClient };
});

/** Tests that, by themselves and over this package's connection, do what no part of it does. */
const OF_THEIR_OWN: Readonly<Record<string, string>> = {
  'J15 raw client access': 'sends INCR',
  'R2 a session has a TTL, is shared by two instances, and is gone after it': 'sends KEYS',
  'leave no connection where one is refused by its Redis': 'leaves a password out',
  'its last entry is deleted: noticed, put back by who knows, asked about until then': 'sends XDEL',
  'an entry in the middle is deleted: who begins later does not believe to know all': 'sends XDEL',
  'estimates from a sample, and the error says how far off it may be': 'writes keys of others',
  'counts the keys of cache, locks and rate limits': 'sends KEYS',
  'another server: what it may lack is done again there, also when it cannot be reached at first': 'sends DUMP and RESTORE',
};

beforeEach(({ task, skip }) => {
  const reason = OF_THEIR_OWN[task.name];
  if (reason !== undefined) skip(reason);
});
