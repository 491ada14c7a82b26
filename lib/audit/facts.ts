import type { RedisOptions } from 'ioredis';
import type { ResolvedConnection, ResolvedOptions } from '../options/index.js';
import { isCluster } from '../redis/index.js';

/** The options that are looked at: all of a registration's, or what a command line knows. */
export type AuditedOptions = Pick<ResolvedOptions, 'redis' | 'keyPrefix' | 'commandTimeoutMs'> &
  Partial<Pick<ResolvedOptions, 'instance' | 'jwt' | 'guard' | 'sessions' | 'oauth' | 'locks'>>;

/** What one server, the master or one of a Cluster's, tells of itself. What it does not let us ask is undefined. */
export interface ServerFacts {
  /** For messages. */
  readonly address: string;
  /** By a unix socket, or by an address of this machine alone. */
  readonly isLocal: boolean;
  readonly isTls: boolean;
  /** Of the connection: a Cluster has 0 alone. */
  readonly database: number;
  /** The fields of INFO, of all its default sections. */
  readonly info?: ReadonlyMap<string, string>;
  readonly config?: ReadonlyMap<string, string>;
  /** It knows no CONFIG at all: somebody else runs it and kept the commands of an administrator to themselves. */
  readonly isManaged: boolean;
  readonly userName: string;
  /** Those that do not begin with our prefix. */
  readonly mayUseForeignKeys: boolean;
  readonly user?: UserFacts;
  readonly clock?: ClockFacts;
}

/** An ACL user as the server describes it. */
export interface UserFacts {
  readonly flags: readonly string[];
  /** Rules about commands in their order, and those of each selector. */
  readonly commands: readonly (readonly string[])[];
}

export interface ClockFacts {
  /** By how much the server's clock is ahead of ours. */
  readonly aheadMs: number;
  /** How far that may be off: half of the time that the question took. */
  readonly uncertaintyMs: number;
}

/** User, passwords and TLS of a connection, whatever its form. */
export interface Access {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: unknown;
}

export function accessOf(connection: ResolvedConnection): Access {
  const options = nodeOptions(connection);
  return { username: options.username ?? undefined, password: options.password ?? undefined, tls: options.tls };
}

function nodeOptions(connection: ResolvedConnection): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  switch (connection.kind) {
    case 'standalone':
    case 'sentinel':
      return connection.options;
    case 'cluster':
      return connection.options.redisOptions ?? {};
    case 'client': {
      const { client } = connection;
      return isCluster(client) ? (client.options.redisOptions ?? {}) : client.options;
    }
  }
}

/** By the name alone, where nothing is connected. */
export function isLocalHost(host: string): boolean {
  const name = host.replace(/^::ffff:/, '');
  return name === 'localhost' || name === '::1' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

/** The fields of INFO, of whichever sections. */
export function parseInfo(info: string): Map<string, string> {
  const fields = info.split(/\r?\n/).map((line) => /^([^#:]+):(.*)$/.exec(line));
  return new Map(fields.filter((field) => field !== null).map(([, name, value]) => [name!, value!.trim()]));
}
