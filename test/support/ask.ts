import { Redis } from 'ioredis';
import type { TestRedis } from '../../lib/testing/index.js';

/** A client of our own for a server of a test, which neither retries nor, unless told, waits long. The caller disconnects it. */
export function clientOf(server: TestRedis | string, commandTimeout = 1_000): Redis {
  const options = { enableReadyCheck: false, retryStrategy: () => null, maxRetriesPerRequest: 0, commandTimeout };
  const client =
    typeof server === 'string' ? new Redis(server, options) : new Redis(server.socketPath, { ...options, ...passwordOf(server) });
  client.on('error', () => undefined);
  return client;
}

/** One question to a server over a connection of its own, so that no state of a long-lived client is in the way. */
export async function ask<T>(server: TestRedis | string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = clientOf(server);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

function passwordOf(server: TestRedis): { password?: string } {
  const password = server.port === undefined ? '' : new URL(server.url).password;
  return password === '' ? {} : { password: decodeURIComponent(password) };
}
