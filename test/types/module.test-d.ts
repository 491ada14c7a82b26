// Checked by tsc alone: each line must compile, or fail to where @ts-expect-error says so.
import { type DynamicModule, Inject } from '@nestjs/common';
import type { ConfigService } from '@nestjs/config';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import {
  type Duration,
  getSessionServiceToken,
  InjectRedisAuthConnection,
  InjectSessionService,
  RedisAuthConfigError,
  RedisAuthConnection,
  RedisAuthModule,
  type RedisAuthModuleOptions,
  redisAuthOptionsFromConfig,
  type RedisAuthOptionsFactory,
  type RedisConnection,
  SessionService,
} from 'nestjs-redis-auth';
import type { CLUSTER_KEYS, REDIS_KEYS } from '../../lib/options/ioredis-keys.js';

type Nothing<T extends never> = T;

/** Every option of the ioredis that is installed is known to the validation, but its prefix. */
export type Unknown = [
  Nothing<Exclude<keyof RedisOptions, (typeof REDIS_KEYS)[number] | 'keyPrefix' | 'sentinels' | 'name'>>,
  Nothing<Exclude<keyof ClusterOptions, (typeof CLUSTER_KEYS)[number] | 'keyPrefix'>>,
];

declare const config: ConfigService;
declare const redis: Redis;
declare const cluster: Cluster;

const jwt = { secret: 'x', issuer: 'i', audience: 'a' };

export const connections: RedisConnection[] = [
  'redis://h',
  { url: 'redis://h', connectTimeout: 5 },
  { host: 'h', port: 1, tls: {} },
  { path: '/run/redis.sock', db: 1 },
  { nodes: [{ host: 'h', port: 1 }], options: { scaleReads: 'master' } },
  { sentinels: [{ host: 'h', port: 1 }], name: 'm', sentinelPassword: 'p' },
  { client: redis },
  { client: cluster },
  // @ts-expect-error ioredis' own prefix
  { host: 'h', keyPrefix: 'x' },
  // @ts-expect-error no port
  { nodes: [{ host: 'h' }] },
];

export const durations: Duration[] = [15, '15m'];

export const registrations: DynamicModule[] = [
  RedisAuthModule.forRoot({ jwt }),
  RedisAuthModule.forRoot({ jwt, isGlobal: true, instance: 'admin' }),
  RedisAuthModule.forRootAsync({ useFactory: () => ({ jwt }), isGlobal: true, instance: 'admin' }),
  RedisAuthModule.forRootAsync({ inject: ['X'], useFactory: async (issuer: string) => ({ jwt: { ...jwt, issuer } }) }),
  RedisAuthModule.forRootAsync({ useFactory: () => redisAuthOptionsFromConfig(config, { jwt: { issuer: 'i' }, sessions: { limit: 1 } }) }),
  // @ts-expect-error no issuer
  RedisAuthModule.forRoot({ jwt: { secret: 'x', audience: 'a' } }),
  // @ts-expect-error an option that does not exist
  RedisAuthModule.forRoot({ jwt, sesions: {} }),
  // @ts-expect-error not a class that makes options
  RedisAuthModule.forRootAsync({ useClass: Date }),
];

export class Factory implements RedisAuthOptionsFactory {
  createRedisAuthOptions(): RedisAuthModuleOptions {
    return redisAuthOptionsFromConfig({ get: (key) => process.env[key] });
  }
}

export class Consumer {
  constructor(
    readonly sessions: SessionService,
    @InjectSessionService('admin') readonly admins: SessionService,
    @InjectRedisAuthConnection('admin') readonly connection: RedisAuthConnection,
    @Inject(getSessionServiceToken('admin')) readonly same: SessionService,
  ) {}
}

export function paths(error: RedisAuthConfigError): string[] {
  return error.issues.map(({ path, message }: { path: string; message: string }) => path + message);
}
