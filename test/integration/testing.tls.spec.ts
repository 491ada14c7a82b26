import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { startRedis, type StartRedisOptions, type TestRedis } from 'nestjs-redis-auth/testing';
import { clientCertificate, otherCa, serverCertificate, testCa, wrongHostCertificate } from '../support/tls.js';

let redis: TestRedis;
afterEach(() => redis.stop());

/** The reply to a PING, or the code of the error that prevents it. */
async function pingOf(server: StartRedisOptions, tls: ConnectionOptions): Promise<unknown> {
  redis = await startRedis(server);
  const client = new Redis(redis.url, { tls, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  try {
    return await new Promise((resolve) => {
      client.once('error', (error: Error & { code?: string }) => resolve(error.code));
      client.ping().then(resolve, () => undefined);
    });
  } finally {
    client.disconnect();
  }
}

describe('startRedis with TLS', () => {
  it.each<[string, StartRedisOptions, ConnectionOptions, unknown]>([
    ['speaks it', { tls: serverCertificate }, { ca: testCa }, 'PONG'],
    ['speaks it with a password', { tls: serverCertificate, password: 'pw' }, { ca: testCa }, 'PONG'],
    ['is refused under another CA', { tls: serverCertificate }, { ca: otherCa }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['is refused without the CA', { tls: serverCertificate }, {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['is refused under another host name', { tls: wrongHostCertificate }, { ca: testCa }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['takes a client with a certificate', { tls: { ...serverCertificate, ca: testCa } }, { ca: testCa, ...clientCertificate }, 'PONG'],
  ])('%s', async (_name, server, tls, outcome) => {
    expect(await pingOf(server, tls)).toBe(outcome);
  });

  it('refuses a client without the certificate it asks for', async () => {
    expect(await pingOf({ tls: { ...serverCertificate, ca: testCa } }, { ca: testCa })).not.toBe('PONG');
  });
});
