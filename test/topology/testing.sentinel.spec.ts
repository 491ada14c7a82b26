import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SentinelSetup } from '../support/sentinel.js';
import { until } from '../support/until.js';

describe('SentinelSetup', () => {
  let setup: SentinelSetup;
  let client: Redis;

  beforeAll(async () => {
    setup = await SentinelSetup.start({ password: 'pw' });
    client = new Redis({ sentinels: setup.addresses, name: setup.name, password: 'pw', failoverDetector: true });
    client.on('error', () => undefined);
  });
  afterAll(async () => {
    client?.disconnect();
    await setup?.stop();
  });

  it('has a master that replicates', async () => {
    expect(await setup.master()).toBe(setup.servers[0]);
    await client.set('a', '1');
    await until(async () => (await client.wait(2, 500)) === 2, { within: 15_000, what: 'both replicas have it' });
  });

  it('fails over when told to', async () => {
    const former = await setup.master();
    expect(await setup.failover()).not.toBe(former);
  });

  it('fails over when the master is killed', async () => {
    const former = await setup.master();
    await former.kill();
    expect(await setup.masterOtherThan(former)).not.toBe(former);
    expect(await client.get('a')).toBe('1');
  });
});
