import { Cluster, type Redis } from 'ioredis';
import type { RedisConnection } from '../../../lib/options/index.js';
import type { RedisClient } from '../../../lib/redis/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { Links } from '../chaos/links.js';
import { ClusterSetup } from '../cluster.js';
import { SentinelSetup } from '../sentinel.js';

export const TOPOLOGIES = ['standalone', 'TLS', 'Sentinel', 'Cluster'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

/** PEM texts: a program elsewhere cannot read the files. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where an instance keeps everything, over links that can be made to fail. */
export interface Place extends AsyncDisposable {
  readonly topology: Topology;
  readonly links: Links;
  /** Every server that holds data. */
  readonly servers: readonly TestRedis[];
  /** The `redis` option, through the links or past them. */
  readonly through: RedisConnection;
  readonly past: RedisConnection;
  readonly sentinel?: SentinelSetup;
  readonly cluster?: ClusterSetup;
  /** Those that take writes now. */
  masters(): Promise<readonly TestRedis[]>;
}

/** Who an instance is; may be taken away without anybody else being in the way. */
export const USER = { username: 'app', password: 'of-app' } as const;
/** What is acknowledged is there after a kill; a reload takes as long as it is told to. */
const CONFIG = [
  'user app on >of-app ~* &* +@all',
  'appendonly yes',
  'enable-debug-command yes',
  'loading-process-events-interval-bytes 1024',
];

/** A key of each third of the slots. */
export const MASTERS_OF = ['b', 'c', 'a'] as const;

export function openPlace(topology: Topology, certificates: Certificates): Promise<Place> {
  switch (topology) {
    case 'standalone':
      return oneServer(topology);
    case 'TLS':
      return oneServer(topology, certificates);
    case 'Sentinel':
      return behindSentinels();
    case 'Cluster':
      return inCluster();
  }
}

async function oneServer(topology: Topology, certificates?: Certificates): Promise<Place> {
  const tls = certificates && { cert: certificates.cert, key: certificates.key };
  const server = await startRedis({ port: 'tcp', config: CONFIG, ...(tls && { tls }) });
  const links = await Links.open([server.url]);
  const option = (port: number): RedisConnection => ({
    host: certificates ? 'localhost' : '127.0.0.1',
    port,
    ...USER,
    ...(certificates && { tls: { ca: certificates.ca } }),
  });
  return {
    topology,
    links,
    servers: [server],
    through: option(Number(new URL(links.urlTo(server.url)).port)),
    past: option(server.port!),
    masters: () => Promise.resolve([server]),
    [Symbol.asyncDispose]: () => dispose(links, server),
  };
}

async function behindSentinels(): Promise<Place> {
  const sentinel = await SentinelSetup.start({ config: CONFIG });
  const links = await Links.open(sentinel.servers.map(({ url }) => url));
  const option = { sentinels: sentinel.addresses, name: sentinel.name, ...USER };
  return {
    topology: 'Sentinel',
    links,
    sentinel,
    servers: sentinel.servers,
    through: { ...option, natMap: links.natMap },
    past: option,
    masters: async () => [await sentinel.master()],
    [Symbol.asyncDispose]: () => dispose(links, sentinel),
  };
}

async function inCluster(): Promise<Place> {
  const cluster = await ClusterSetup.start({ config: CONFIG });
  const links = await Links.open(cluster.nodes.map(({ url }) => url));
  const option = (options: object): RedisConnection => ({
    nodes: cluster.addresses.slice(0, 3),
    options: { ...options, redisOptions: USER },
  });
  return {
    topology: 'Cluster',
    links,
    cluster,
    servers: cluster.nodes,
    through: option({ natMap: links.natMap }),
    past: option({}),
    masters: () => Promise.all(MASTERS_OF.map((key) => cluster.masterOf(key))),
    [Symbol.asyncDispose]: () => dispose(links, cluster),
  };
}

async function dispose(links: Links, servers: { stop(): Promise<void> }): Promise<void> {
  await links[Symbol.asyncDispose]();
  await servers.stop();
}

/** Ports from which an instance sends its commands, what follows the feeds aside. */
export function portsOf(client: RedisClient): ReadonlySet<number> {
  const clients: Redis[] = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis];
  const ports = clients.map(({ stream }) => (stream as { localPort?: number } | undefined)?.localPort);
  return new Set(ports.filter((port) => port !== undefined));
}
