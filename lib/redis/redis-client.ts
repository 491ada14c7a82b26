import type { Cluster, Redis } from 'ioredis';

/** What this package talks to: one server, a master behind Sentinels, or a Cluster. */
export type RedisClient = Redis | Cluster;
