import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { RedisAuthConfigError } from '../../lib/errors/index.js';
import { ConnectionUnderTest, PATIENT, rejection } from '../support/open-connection.js';

const redisUrl = inject('redisUrl');

let old: Server | undefined;
afterEach(() => old?.close());

/** The real server, but for the version that it tells. */
async function withVersion(version: string): Promise<number> {
  old = createServer((client) => {
    const upstream = connect(redisUrl);
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      const told = /redis_version:[\d.]+/.exec(text)?.[0];
      client.write(Buffer.from(told ? text.replace(told, `redis_version:${version}`.padEnd(told.length)) : text, 'latin1'));
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(old, 'listening');
  return (old.address() as AddressInfo).port;
}

describe('the version of the server', () => {
  it.each(['6.2.9', '5.0'])('%s is too old, and stops the boot', async (version) => {
    const port = await withVersion(version);
    const { error } = await rejection(() => ConnectionUnderTest.open(`redis://127.0.0.1:${port}`, PATIENT));
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    expect(error.message).toMatch(new RegExp(`redis: 127.0.0.1:${port}: Redis 7.0 or Valkey 7.2 is the oldest that works`));
  });

  it.each(['7.0.0', '8.2', '10.0'])('%s is taken', async (version) => {
    await using connection = await ConnectionUnderTest.open(`redis://127.0.0.1:${await withVersion(version)}`, PATIENT);
    expect(await connection.ping()).toBe('PONG');
  });
});

describe('options that override the profile', () => {
  const redis = { path: redisUrl, maxRetriesPerRequest: 20, enableOfflineQueue: true, db: 0 };

  it('win', async () => {
    await using connection = await ConnectionUnderTest.open(redis, PATIENT);
    expect(connection.client.options).toMatchObject({ maxRetriesPerRequest: 20, enableOfflineQueue: true });
  });

  it('do not win where replies would change their shape, neither for a server nor for the nodes of a Cluster', async () => {
    const numbers = { stringNumbers: true };
    await using server = new ConnectionUnderTest({ path: redisUrl, ...numbers }, PATIENT);
    expect(server.client.options).toMatchObject({ stringNumbers: false });
    await using cluster = new ConnectionUnderTest({ nodes: [{ host: '127.0.0.1', port: 1 }], options: { redisOptions: numbers } }, PATIENT);
    expect(cluster.client.options).toMatchObject({ redisOptions: { stringNumbers: false } });
  });
});
