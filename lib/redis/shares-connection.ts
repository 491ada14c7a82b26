import { RedisAuthConnection } from './redis-auth-connection.js';

/** Whether options are those of a part that shares a connection, rather than of one that makes its own. */
export function sharesConnection<Parts extends { connection: RedisAuthConnection }>(options: unknown): options is Parts {
  return typeof options === 'object' && options !== null && 'connection' in options && options.connection instanceof RedisAuthConnection;
}
