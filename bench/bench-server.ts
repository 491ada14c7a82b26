import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { RedisAuthConnection, RedisAuthModule, type RedisAuthModuleOptions, SessionService, TokenStore } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';

/** One instance of the package on a connection of its own. */
export interface Instance extends AsyncDisposable {
  sessions: SessionService;
  tokens: TokenStore;
  connection: RedisAuthConnection;
}

/** A private Redis with the package on one connection to it, and a client of its own for the baseline. */
export interface BenchServer extends AsyncDisposable {
  url: string;
  sessions: SessionService;
  tokens: TokenStore;
  raw: Redis;
}

/** As a token names them. */
export const NAMES = { issuer: 'https://bench.example', audience: 'bench' } as const;

export async function openInstance(redis: string, options: Partial<RedisAuthModuleOptions> = {}): Promise<Instance> {
  const jwt = { secret: randomBytes(32), ...NAMES };
  const app = await NestFactory.createApplicationContext(RedisAuthModule.forRoot({ redis, jwt, audit: 'off', ...options }), {
    logger: ['error', 'warn'],
  });
  return {
    sessions: app.get(SessionService),
    tokens: app.get(TokenStore),
    connection: app.get(RedisAuthConnection),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

export async function startBenchServer(options: Partial<RedisAuthModuleOptions> = {}): Promise<BenchServer> {
  const redis = await startRedis({ port: 'tcp', config: ['enable-debug-command local'] });
  const instance = await openInstance(redis.url, options);
  const raw = new Redis(redis.url);
  await raw.ping();
  return {
    url: redis.url,
    sessions: instance.sessions,
    tokens: instance.tokens,
    raw,
    async [Symbol.asyncDispose]() {
      raw.disconnect();
      await instance[Symbol.asyncDispose]();
      await redis.stop();
    },
  };
}

/** Signs in as many users and returns their access tokens. */
export async function accessTokens({ sessions }: { sessions: SessionService }, count: number): Promise<string[]> {
  const tokens = Array.from({ length: count }, () => '');
  await inParallel(count, async (index) => {
    tokens[index] = (await sessions.create(`user-${index}`)).accessToken;
  });
  return tokens;
}

/** Runs `task` for 0 … count − 1, `inFlight` of them at a time. */
export async function inParallel(count: number, task: (index: number) => Promise<unknown>, inFlight = 64): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

/** `used_memory` once it has settled: buffers of busy connections shrink, and tables are rehashed, a little later. */
export async function settledMemory(raw: Redis): Promise<number> {
  for (let last = -1; ;) {
    await setTimeout(500);
    const now = Number(/^used_memory:(\d+)/m.exec(await raw.info('memory'))?.[1]);
    if (Math.abs(now - last) < 1024) return now;
    last = now;
  }
}

/** A table that has just grown is moved bit by bit, and each look-up bears a part of that: to be measured when it is over. */
export async function rehashed(raw: Redis): Promise<void> {
  await raw.config('SET', 'hz', 500);
  while (String(await raw.call('DEBUG', 'HTSTATS', 0)).includes('rehashing target')) await setTimeout(200);
  await raw.config('SET', 'hz', 10);
}
