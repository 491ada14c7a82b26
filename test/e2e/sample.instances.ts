import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { startRedis, type StartRedisOptions, type TestRedis } from 'nestjs-redis-auth/testing';
import { vi } from 'vitest';
import { createApp } from '../../sample/app.js';

/** Instances of the sample in this process, on a private Redis. Configured by the environment, as the sample is. */
export class SampleInstances implements AsyncDisposable {
  private readonly apps: INestApplication<Server>[] = [];

  private constructor(
    readonly redis: TestRedis,
    readonly secret: string,
  ) {}

  static async onPrivateRedis({
    urlOf = (redis: TestRedis) => redis.url,
    secret = randomBytes(32).toString('base64url'),
    ...options
  }: StartRedisOptions & { urlOf?: (redis: TestRedis) => string; secret?: string } = {}): Promise<SampleInstances> {
    const redis = await startRedis(options);
    vi.stubEnv('REDIS_URL', urlOf(redis));
    vi.stubEnv('JWT_SECRET', secret);
    return new SampleInstances(redis, secret);
  }

  /** Starts one that listens; its URL. */
  async start(name: string): Promise<string> {
    const app = await createApp(name);
    this.apps.push(app);
    await app.listen(0, '127.0.0.1');
    return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    vi.unstubAllEnvs();
    await Promise.all(this.apps.map((app) => app.close()));
    await this.redis.stop();
  }
}
