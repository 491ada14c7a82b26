import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisAuthConfigError, StoreUnavailableError } from '../../lib/errors/index.js';
import type { RedisConnection } from '../../lib/options/index.js';
import { databaseOf } from '../../lib/redis/index.js';
import { startRedis, type StartRedisOptions, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { captureLog, ConnectionUnderTest, PATIENT, rejection } from '../support/open-connection.js';
import { clientCertificate, otherCa, serverCertificate, testCa, wrongHostCertificate } from '../support/tls.js';

const PASSWORD = 'pass-w0rd/@#';
const ACL_USER = `app on >${PASSWORD} ~k &* +@all`;
const AS_APP = `redis://app:${encodeURIComponent(PASSWORD)}@127.0.0.1`;

let redis: TestRedis;
afterEach(() => redis.stop());

type Form = (server: TestRedis) => RedisConnection;

describe('a connection', () => {
  it.each<[string, StartRedisOptions, Form]>([
    ['J17 by a unix socket', {}, ({ socketPath }) => socketPath],
    [
      'J17 by a unix socket, a password and a database',
      { password: PASSWORD },
      ({ socketPath }) => ({ path: socketPath, password: PASSWORD, db: 2 }),
    ],
    ['J17 with a password', { password: PASSWORD }, ({ url }) => url],
    ['J17 with a user name', { users: [ACL_USER] }, ({ port }) => `${AS_APP}:${port}`],
    ['J17 with a user name and a database', { users: [ACL_USER] }, ({ port }) => `${AS_APP}:${port}/3`],
    ['by host and port', { port: 'tcp' }, ({ port }) => ({ host: '127.0.0.1', port: port! })],
    ['by TLS', { tls: serverCertificate }, ({ url }) => ({ url, tls: { ca: testCa } })],
    ['by TLS with a password', { tls: serverCertificate, password: PASSWORD }, ({ url }) => ({ url, tls: { ca: testCa } })],
    [
      'by TLS with a certificate of its own',
      { tls: { ...serverCertificate, ca: testCa } },
      ({ url }) => ({ url, tls: { ca: testCa, ...clientCertificate } }),
    ],
    ['with RESP3', { password: PASSWORD }, ({ url }) => ({ url, protocol: 3 })],
  ])('%s works', async (_name, server, form) => {
    redis = await startRedis(server);
    await using connection = await ConnectionUnderTest.open(form(redis), PATIENT);
    expect(await connection.ping()).toBe('PONG');
    expect(await connection.execute('set', (client) => client.set('k', 'v'))).toBe('OK');
    expect(await connection.dbSize()).toBe(1);
  });

  it('J17 writes into the database that was chosen, and into no other, before and after the connection was lost', async () => {
    redis = await startRedis({ port: 'tcp' });
    await using connection = await ConnectionUnderTest.open(`redis://127.0.0.1:${redis.port}/5`, PATIENT);
    await connection.execute('set', (client) => client.set('k', 'v'));
    await ask(redis, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
    await expect.poll(() => connection.execute('set', (client) => client.set('l', 'v'))).toBe('OK');
    expect(await ask(redis, (client) => client.info('keyspace'))).toMatch(/^# Keyspace\s+db5:keys=2,\S+\s+$/);
  });
});

describe('a Redis that refuses stops the boot', () => {
  it.each<[string, StartRedisOptions, Form, RegExp]>([
    ['a wrong password', { password: PASSWORD }, ({ port }) => `redis://:not-it@127.0.0.1:${port}`, /password is wrong/],
    ['a missing password', { password: PASSWORD }, ({ port }) => `redis://127.0.0.1:${port}`, /password is required/],
    ['an unknown user', { users: [ACL_USER] }, ({ port }) => `redis://nobody:not-it@127.0.0.1:${port}`, /user name or password is wrong/],
    ['a database that does not exist', { port: 'tcp' }, ({ port }) => `redis://127.0.0.1:${port}/99`, /database number does not exist/],
    [
      'a user who may not select the database',
      { users: [`${ACL_USER} -select`] },
      ({ port }) => `${AS_APP}:${port}/1`,
      /may not SELECT the database/,
    ],
    ['a certificate of another authority', { tls: serverCertificate }, ({ url }) => ({ url, tls: { ca: otherCa } }), /not trusted/],
    ['a certificate without its authority', { tls: serverCertificate }, ({ url }) => url, /not trusted/],
    ['a certificate for another host', { tls: wrongHostCertificate }, ({ url }) => ({ url, tls: { ca: testCa } }), /for another host name/],
    [
      'nodes of a Cluster that is none',
      { port: 'tcp' },
      ({ port }) => ({ nodes: [{ host: '127.0.0.1', port: port! }] }),
      /not a Cluster; give a single host/,
    ],
  ])('S20 for %s, naming host and port but no password', async (_name, server, form, message) => {
    redis = await startRedis(server);
    const log = captureLog();
    const { error } = await rejection(() => ConnectionUnderTest.open(form(redis), PATIENT));
    expect(error).toBeInstanceOf(RedisAuthConfigError);
    const { issues } = error as RedisAuthConfigError;
    expect(issues).toEqual([{ path: 'redis', message: expect.stringMatching(message) as string }]);
    expect(issues[0]!.message).toContain(`:${redis.port}`);
    for (const text of [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), ...log]) {
      expect(text).not.toContain(PASSWORD);
      expect(text).not.toContain('not-it');
    }
    if (server.tls === undefined) expect(await ask(redis, (client) => client.dbsize())).toBe(0);
  });

  it('a missing client certificate is told, at boot or with the next attempt', async () => {
    redis = await startRedis({ tls: { ...serverCertificate, ca: testCa } });
    const log = captureLog();
    // The server's alert may be overtaken by its end of the connection; then it looks like one that is merely gone.
    await using connection = new ConnectionUnderTest({ url: redis.url, tls: { ca: testCa } }, PATIENT);
    const told = await connection.open().then(() => '', String);
    await expect
      .poll(() => [told, ...log].join('\n'), { timeout: 15_000 })
      .toMatch(/TLS handshake failed \(\S*CERTIFICATE_REQUIRED\); check tls\.cert/);
    expect((await rejection(() => connection.ping())).error).toBeInstanceOf(StoreUnavailableError);
  });

  it('a user who may not use INFO is told that the version is unknown, once, and served', async () => {
    redis = await startRedis({ users: [`${ACL_USER} -info`] });
    const log = captureLog();
    await using connection = await ConnectionUnderTest.open(`${AS_APP}:${redis.port}`, PATIENT);
    await ask(redis, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
    await expect.poll(() => connection.seen.filter((event) => event === 'ready').length).toBe(2);
    expect(await connection.ping()).toBe('PONG');
    expect(log.filter((line) => line.includes('version is unknown'))).toHaveLength(1);
  });
});

describe("S19 the application's own client", () => {
  it('J15 is the one that is used, and is not closed', async () => {
    redis = await startRedis();
    const client = new Redis(redis.socketPath);
    try {
      const connection = await ConnectionUnderTest.open({ client }, PATIENT);
      expect(connection.client).toBe(client);
      expect(await connection.ping()).toBe('PONG');
      const listeners = ['ready', 'error', 'close', 'end', 'connect'].map((event) => client.listenerCount(event));
      expect(listeners).toEqual([1, 1, 1, 1, 1]);
      await connection.close();
      expect(['ready', 'error', 'close', 'end', 'connect'].map((event) => client.listenerCount(event))).toEqual([0, 0, 0, 0, 0]);
      expect(await client.ping()).toBe('PONG');
    } finally {
      client.disconnect();
    }
  });

  it('is connected where it is lazy, and left connected', async () => {
    redis = await startRedis();
    const client = new Redis(redis.socketPath, { lazyConnect: true });
    try {
      await using connection = await ConnectionUnderTest.open({ client }, PATIENT);
      expect(await connection.ping()).toBe('PONG');
      expect(connection.seen).toEqual(['connected', 'ready']);
    } finally {
      expect(client.status).toBe('ready');
      client.disconnect();
    }
  });

  it('is used in the database that it selected last, also after the connection was lost', async () => {
    redis = await startRedis();
    const client = new Redis(redis.socketPath, { db: 2, lazyConnect: true });
    try {
      expect(databaseOf(client)).toBe(2);
      await client.select(3);
      await using connection = await ConnectionUnderTest.open({ client }, PATIENT);
      expect(databaseOf(client)).toBe(3);
      await ask(redis, (other) => other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
      await expect.poll(() => connection.seen.filter((event) => event === 'ready').length).toBe(2);
      expect(databaseOf(client)).toBe(3);
      await connection.execute('set', (used) => used.set('k', 'v'));
      expect(await ask(redis, (other) => other.info('keyspace'))).toMatch(/^# Keyspace\s+db3:keys=1,\S+\s+$/);
    } finally {
      client.disconnect();
    }
  });

  it('in a database that it could not select is refused', async () => {
    redis = await startRedis();
    const client = new Redis(redis.socketPath, { db: 99 });
    client.on('error', () => undefined);
    try {
      const { error } = await rejection(() => ConnectionUnderTest.open({ client }, PATIENT));
      expect(error).toBeInstanceOf(RedisAuthConfigError);
    } finally {
      client.disconnect();
    }
  });

  it('what is duplicated from it is closed', async () => {
    redis = await startRedis();
    const client = new Redis(redis.socketPath);
    const connection = await ConnectionUnderTest.open({ client }, PATIENT);
    const link = connection.openLink();
    await expect.poll(() => link.status).toBe('ready');
    await connection.close();
    expect(link.status).toBe('end');
    expect(client.status).toBe('ready');
    client.disconnect();
  });
});
