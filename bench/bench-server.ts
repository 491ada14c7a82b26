import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { RedisAuthModule, SessionService } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';

/** A private Redis with the package on one connection to it, and a client of its own for the baseline. */
export interface BenchServer extends AsyncDisposable {
  sessions: SessionService;
  raw: Redis;
}

export async function startBenchServer(): Promise<BenchServer> {
  const redis = await startRedis({ port: 'tcp' });
  const jwt = { secret: randomBytes(32), issuer: 'https://bench.example', audience: 'bench' };
  const app = await NestFactory.createApplicationContext(RedisAuthModule.forRoot({ redis: redis.url, jwt, audit: 'off' }), {
    logger: ['error', 'warn'],
  });
  const raw = new Redis(redis.url);
  await raw.ping();
  return {
    sessions: app.get(SessionService),
    raw,
    async [Symbol.asyncDispose]() {
      raw.disconnect();
      await app.close();
      await redis.stop();
    },
  };
}

/** Runs `task` for 0 … count − 1, `inFlight` of them at a time. */
export async function inParallel(count: number, task: (index: number) => Promise<unknown>, inFlight = 64): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}
