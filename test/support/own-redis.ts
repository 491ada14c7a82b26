import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { clientOf } from './ask.js';

/** For tests of scripts by themselves: a server of the file's own, empty before each test, and a client of it. */
export function ownRedis(): { readonly client: Redis } {
  let redis: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    client = clientOf(redis);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });
  beforeEach(() => client.flushall());
  return {
    get client() {
      return client;
    },
  };
}
