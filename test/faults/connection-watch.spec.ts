import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis } from '../../lib/testing/index.js';
import { captureLog, ConnectionUnderTest, PATIENT } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { until } from '../support/until.js';

let log: string[];
beforeEach(() => {
  log = captureLog();
});

/** Takes over from the test runner, which would call it a failure. */
function uncaughtRejections(): { reasons: unknown[]; restore: () => void } {
  const listeners = process.listeners('unhandledRejection');
  const reasons: unknown[] = [];
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => reasons.push(reason));
  return {
    reasons,
    restore: () => {
      process.removeAllListeners('unhandledRejection');
      for (const listener of listeners) process.on('unhandledRejection', listener);
    },
  };
}

describe("an application's listener of ready that throws on a reconnect", () => {
  it('is told to the process, and is no reason to probe again', async () => {
    await using redis = await startRedis();
    await using proxy = await FaultProxy.open(redis.url);
    const uncaught = uncaughtRejections();
    try {
      await using connection = await ConnectionUnderTest.open(proxy.url, PATIENT);
      const fault = new Error('of the listener');
      connection.on('ready', () => {
        if (connection.seen.includes('disconnected')) throw fault;
      });
      proxy.cut();
      await until(() => uncaught.reasons.length > 0);
      expect(uncaught.reasons).toEqual([fault]);
      expect(await connection.ping()).toBe('PONG');
      expect(connection.seen.filter((event) => event === 'ready')).toHaveLength(2);
      expect(log.join()).not.toContain(fault.message);
    } finally {
      uncaught.restore();
    }
  });
});

describe('a Cluster whose nodes close what ioredis opens, and are silent to who asks why', () => {
  let server: Server;
  let silent: Socket[];
  beforeEach(async () => {
    silent = [];
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        if (data.includes('ioredis-cluster(')) socket.destroy();
        else silent.push(socket.resume());
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    for (const socket of silent) socket.destroy();
    server.close();
  });

  function connectionToIt(): ConnectionUnderTest {
    const { port } = server.address() as AddressInfo;
    return new ConnectionUnderTest({ nodes: [{ host: '127.0.0.1', port }] }, { commandTimeoutMs: 60_000 });
  }

  it('is told to be unavailable all the same', async () => {
    await using connection = connectionToIt();
    const opening = connection.open();
    await until(() => silent.length > 0);
    await until(() => connection.seen.some((event) => event.startsWith('error')), { within: 10_000 });
    await opening;
    expect(log.filter((line) => line.includes('is not available'))).toHaveLength(1);
  });

  it('leaves no connection open when closed meanwhile', async () => {
    const connection = connectionToIt();
    void connection.open();
    const [socket] = await until(() => silent.length > 0 && silent);
    await connection.close();
    await until(() => socket!.closed, { within: 1_500 });
  });
});

describe('a connection that is closed while the first attempt is under way', () => {
  it('does not say afterwards that Redis has not answered yet', async () => {
    await using redis = await startRedis();
    await using proxy = await FaultProxy.open(redis.url);
    proxy.silence();
    const connection = new ConnectionUnderTest(proxy.url, { commandTimeoutMs: 300 });
    const opening = connection.open();
    await connection.close();
    await opening;
    expect(log).toEqual([]);
  });
});
