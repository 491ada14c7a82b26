import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.js';
import { ClusterSetup } from '../support/cluster.js';
import { until } from '../support/until.js';

describe('ClusterSetup', () => {
  let setup: ClusterSetup;
  let client: Cluster;

  beforeAll(async () => {
    setup = await ClusterSetup.start({ password: 'pw' });
    client = new Cluster(setup.addresses, { redisOptions: { password: 'pw' } });
    client.on('error', () => undefined);
  });
  afterAll(async () => {
    client?.disconnect();
    await setup?.stop();
  });

  it('serves keys of every slot from three masters, each with a replica', async () => {
    await until(() => client.nodes('slave').length === 3 && client.nodes('master').length === 3);
    for (let i = 0; i < 30; i++) expect(await client.set(`k${i}`, i)).toBe('OK');
    const sizes = await Promise.all(client.nodes('master').map((node) => node.dbsize()));
    expect(sizes.every((size) => size > 0)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(30);
  });

  it('replaces a master that is killed, and takes it back as a replica', async () => {
    const master = await setup.masterOf('k1');
    await master.kill();
    await setup.masterOtherThan(master, 'k1');
    expect(await until(() => client.get('k1'))).toBe('1');
    await master.restart();
    await until(async () => (await ask(master, (node) => node.role()))[0] === 'slave');
  });

  it('replaces a master that is stopped', async () => {
    const master = await setup.masterOf('k2');
    await master.pause();
    expect(await setup.masterOtherThan(master, 'k2')).not.toBe(master);
  });
});
