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

  private constructor(readonly redis: TestRedis) {}

  static async onPrivateRedis(options?: StartRedisOptions, urlOf = (redis: TestRedis) => redis.url): Promise<SampleInstances> {
    const redis = await startRedis(options);
    vi.stubEnv('REDIS_URL', urlOf(redis));
    vi.stubEnv('JWT_SECRET', randomBytes(32).toString('base64url'));
    return new SampleInstances(redis);
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
