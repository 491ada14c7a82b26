import type { RedisConnection } from '../../../lib/options/index.js';
import { type Grants, rulesOf } from '../../../lib/privileges/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../ask.js';
import { ClusterSetup } from '../cluster.js';
import { SentinelSetup } from '../sentinel.js';
import { serverCertificate, testCa } from '../tls.js';
import { until } from '../until.js';

/** The user of Sentinels that {@link sentinel} connects as. */
export const SENTINEL_USER = 'of-sentinels';

/** Servers on which users can be made who may do only some things. */
export interface Setup extends AsyncDisposable {
  /** Every server that holds data, replicas included. */
  readonly servers: readonly TestRedis[];
  readonly isCluster: boolean;
  /** The `redis` option for a user. */
  as(user: string): RedisConnection;
}

const PASSWORD = 'of-a-test';

/** One server and its replica. */
export async function standalone(): Promise<Setup> {
  const master = await startRedis({ port: 'tcp', config: ['repl-diskless-sync-delay 0'] });
  return withReplica(master, await startRedis({ config: [`replicaof 127.0.0.1 ${master.port}`] }), (username) => ({
    port: master.port!,
    username,
    password: PASSWORD,
  }));
}

/** The same over TLS. */
export async function tls(): Promise<Setup> {
  const certificates = { ...serverCertificate, ca: testCa };
  // the certificate of a server is none of a client, which a replica is
  const config = ['repl-diskless-sync-delay 0', 'tls-replication yes', 'tls-auth-clients no'];
  const master = await startRedis({ tls: certificates, config });
  const replica = await startRedis({ tls: certificates, config: [...config, `replicaof localhost ${master.port}`] });
  return withReplica(master, replica, (username) => ({
    host: 'localhost',
    port: master.port!,
    username,
    password: PASSWORD,
    tls: { ca: testCa },
  }));
}

async function withReplica(master: TestRedis, replica: TestRedis, as: Setup['as']): Promise<Setup> {
  // it is online as soon as it was sent the data, and answers when it has read them
  await until(() => ask(master, (client) => client.wait(1, 200)), { within: 15_000, what: 'the replica is in step' });
  return {
    servers: [master],
    isCluster: false,
    as,
    async [Symbol.asyncDispose]() {
      await Promise.all([master.stop(), replica.stop()]);
    },
  };
}

export async function sentinel(): Promise<Setup & { readonly sentinels: SentinelSetup }> {
  const setup = await SentinelSetup.start();
  return {
    sentinels: setup,
    servers: setup.servers,
    isCluster: false,
    as: (username) => ({
      sentinels: setup.addresses,
      name: setup.name,
      username,
      password: PASSWORD,
      sentinelUsername: SENTINEL_USER,
      sentinelPassword: PASSWORD,
    }),
    [Symbol.asyncDispose]: () => setup.stop(),
  };
}

export async function cluster(): Promise<Setup> {
  const setup = await ClusterSetup.start();
  return {
    servers: setup.nodes,
    isCluster: true,
    as: (username) => ({ nodes: setup.addresses, options: { redisOptions: { username, password: PASSWORD } } }),
    [Symbol.asyncDispose]: () => setup.stop(),
  };
}

/** A user that may do this and no more, on each of the servers. */
export async function allow(user: string, grants: Grants, servers: readonly TestRedis[]): Promise<void> {
  const rules = ['reset', 'on', `>${PASSWORD}`, ...rulesOf(grants)];
  await Promise.all(servers.map((server) => ask(server, (client) => client.call('ACL', 'SETUSER', user, ...rules))));
}

/** What the servers have refused a user, as `command get` or `key auth:x`. */
export async function refused(user: string, servers: readonly TestRedis[]): Promise<string[]> {
  const logs = await Promise.all(servers.map((server) => ask(server, (client) => client.call('ACL', 'LOG')) as Promise<unknown[][]>));
  return logs.flat().flatMap((entry) => {
    const field = (name: string): string => String(entry[entry.indexOf(name) + 1]);
    return field('username') === user ? [`${field('reason')} ${field('object')}`] : [];
  });
}
