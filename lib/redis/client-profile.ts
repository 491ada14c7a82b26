import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { ResolvedConnection } from '../options/index.js';
import type { RedisClient } from './redis-client.js';
import { QuietSentinelConnector } from './sentinel-connector.js';

type NodeProfile = Pick<
  RedisOptions,
  | 'autoResendUnfulfilledCommands'
  | 'commandTimeout'
  | 'connectTimeout'
  | 'disconnectTimeout'
  | 'maxLoadingRetryTime'
  | 'maxRetriesPerRequest'
  | 'protocol'
  | 'reconnectOnError'
  | 'socketTimeout'
>;

/** Not the application's choice: when we connect, and the shape of replies that our code reads. */
const FIXED = { lazyConnect: true, replyMapping: 'legacy', stringNumbers: false } as const;

const LONGEST_RETRY_DELAY_MS = 450;
const DEMOTED_PAUSE_MS = 5_000;

/**
 * The client for a connection: the profile below, what the application set on top. It does not connect yet.
 *
 * The profile makes ioredis fail fast and never late: its defaults hold a command for over a minute while Redis
 * is down and for ever while it is stopped, and send a command again whose reply was lost.
 */
export function createClient(connection: ResolvedConnection, commandTimeoutMs: number): RedisClient {
  switch (connection.kind) {
    case 'client':
      return connection.client;
    case 'standalone':
      return new Redis({ ...standaloneProfile(commandTimeoutMs), ...connection.options, ...FIXED });
    case 'sentinel':
      return new Redis({ ...sentinelProfile(commandTimeoutMs), ...connection.options, ...FIXED });
    case 'cluster': {
      const { redisOptions, ...profile } = clusterProfile(commandTimeoutMs);
      return new Cluster([...connection.nodes], {
        ...profile,
        ...connection.options,
        redisOptions: { ...redisOptions, ...connection.options.redisOptions, ...FIXED },
        lazyConnect: true,
      });
    }
  }
}

/** Paths of the profile's options to which the application gave another value. */
export function overriddenOptions(connection: ResolvedConnection, commandTimeoutMs: number): string[] {
  switch (connection.kind) {
    case 'client':
      return [];
    case 'standalone':
      return differing(standaloneProfile(commandTimeoutMs), connection.options, 'redis');
    case 'sentinel':
      return differing(sentinelProfile(commandTimeoutMs), connection.options, 'redis');
    case 'cluster': {
      const { redisOptions, ...profile } = clusterProfile(commandTimeoutMs);
      return [
        ...differing(profile, connection.options, 'redis.options'),
        ...differing(redisOptions, connection.options.redisOptions, 'redis.options.redisOptions'),
      ];
    }
  }
}

/** Paths of the options to which the application gave another value than the fixed one, in vain. */
export function ineffectiveOptions(connection: ResolvedConnection): string[] {
  switch (connection.kind) {
    case 'client':
      return [];
    case 'standalone':
    case 'sentinel':
      return differing(FIXED, connection.options, 'redis');
    case 'cluster':
      return [
        ...differing({ lazyConnect: true }, connection.options, 'redis.options'),
        ...differing(FIXED, connection.options.redisOptions, 'redis.options.redisOptions'),
      ];
  }
}

function nodeProfile(commandTimeoutMs: number): NodeProfile {
  return {
    commandTimeout: commandTimeoutMs,
    // Ends a connection on which nothing is answered any more; a whole command must fit in.
    socketTimeout: Math.max(1_000, commandTimeoutMs),
    connectTimeout: 2_000,
    // How long the end of a connection waits for the other side.
    disconnectTimeout: 250,
    // What was in flight when the connection broke fails at once and is not sent a second time.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    maxLoadingRetryTime: 500,
    // Read faster than RESP3, hashes most of all, and nothing here needs more.
    protocol: 2,
  };
}

function standaloneProfile(commandTimeoutMs: number): RedisOptions {
  return {
    ...nodeProfile(commandTimeoutMs),
    // The connection's gate is where a command waits, so that none is sent after its caller was told it failed.
    enableOfflineQueue: false,
    retryStrategy: retryDelay,
    reconnectOnError: leaveDemotedMaster(),
  };
}

function sentinelProfile(commandTimeoutMs: number): RedisOptions {
  return {
    ...standaloneProfile(commandTimeoutMs),
    // Without it a planned failover goes unnoticed, and what the old master still accepts is lost.
    failoverDetector: true,
    Connector: QuietSentinelConnector,
    sentinelRetryStrategy: retryDelay,
    sentinelCommandTimeout: 1_000,
  };
}

function clusterProfile(commandTimeoutMs: number): ClusterOptions & { redisOptions: NodeProfile } {
  return {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    // Zero: no resending after a lost connection, nor while slots have no master.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // 16 of them stay within a deadline.
    retryDelayOnTryAgain: 20,
    slotsRefreshInterval: 5_000,
    // What a replica has not heard of yet would still be valid there.
    scaleReads: 'master',
    redisOptions: nodeProfile(commandTimeoutMs),
  };
}

/** 50, 100, 200, 400, 450 … ms and up to 50 more, so that many instances do not return in step. */
function retryDelay(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt - 1, 10), LONGEST_RETRY_DELAY_MS) + Math.floor(Math.random() * 50);
}

/** A master that became a replica: connect anew, but not for each command where the address simply is a replica's. */
function leaveDemotedMaster(): (error: Error) => boolean {
  let leftAt = -Infinity;
  return (error) => {
    if (!error.message.startsWith('READONLY') || performance.now() - leftAt < DEMOTED_PAUSE_MS) return false;
    leftAt = performance.now();
    return true;
  };
}

/**
 * Safe with every value, so that choosing one is no deviation: any protocol is understood, and how long an attempt to
 * connect takes is no call's affair, each has its own deadline.
 */
const FREE: ReadonlySet<string> = new Set<keyof NodeProfile>(['connectTimeout', 'protocol']);

function differing(profile: object, options: object | undefined, path: string): string[] {
  const expected = new Map(Object.entries(profile));
  return Object.entries(options ?? {})
    .filter(([name, value]) => !FREE.has(name) && expected.has(name) && value !== expected.get(name))
    .map(([name]) => `${path}.${name}`);
}
