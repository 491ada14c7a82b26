import type { ResolvedConnection } from '../options/index.js';
import { isCluster } from './cluster.js';

/** Where a connection leads, for messages: never with credentials. */
export function describeAddress(connection: ResolvedConnection): string {
  switch (connection.kind) {
    case 'standalone':
      return connection.options.path ?? `${connection.options.host ?? 'localhost'}:${connection.options.port ?? 6379}`;
    case 'sentinel':
      return `master ${connection.options.name} of sentinels ${join(connection.options.sentinels ?? [])}`;
    case 'cluster':
      return `cluster ${join(connection.nodes)}`;
    case 'client': {
      const { client } = connection;
      if (isCluster(client)) return 'the cluster of the given client';
      if (client.options.sentinels) return describeAddress({ kind: 'sentinel', options: client.options });
      return describeAddress({ kind: 'standalone', options: client.options });
    }
  }
}

function join(addresses: readonly { host?: string | undefined; port?: number | undefined }[]): string {
  return addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
}
