import { Redis } from 'ioredis';
import type { TestRedis } from '../../lib/testing/index.js';

/** One question to a server over a connection of its own, so that no state of a long-lived client is in the way. */
export async function ask<T>(server: TestRedis, question: (client: Redis) => Promise<T>): Promise<T> {
  const password = server.port === undefined ? '' : new URL(server.url).password;
  const client = new Redis(server.socketPath, {
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    commandTimeout: 1_000,
  });
  client.on('error', () => undefined);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}
