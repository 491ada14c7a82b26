import { expect, it } from 'vitest';
import type { Cluster } from 'ioredis';
import { callsToMasters } from '../../lib/redis/key-scan.js';
import { callsOver } from '../../lib/redis/index.js';
import { ClusterSetup } from '../support/cluster.js';
import { ConnectionUnderTest } from '../support/open-connection.js';
import { until } from '../support/until.js';

it('what is counted over all masters of a Cluster fails while one is not connected, rather than leave it out', async () => {
  await using cluster = await ClusterSetup.start();
  await using connection = await ConnectionUnderTest.open(cluster.url, { commandTimeoutMs: 2_000 });
  const client = connection.client as Cluster;
  await Promise.all(Array.from({ length: 60 }, (_, n) => client.set(`key ${n}`, 'x')));
  await until(async () => (await connection.dbSize()) === 60);
  client.nodes('master')[0]!.disconnect();
  await until(() => client.nodes('master').length < 3, { every: 1, what: 'ioredis leaves it out' });
  await expect(connection.dbSize()).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
  await expect(callsToMasters(callsOver(connection, 'test'))).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
  await until(async () => (await connection.dbSize()) === 60, { within: 15_000, what: 'all of them are there again' });
});
