import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { testOptions } from '../../support/sessions.js';
import { subscriptions } from './graphql.js';
import { socketIo, webSocket } from './sockets.js';
import type { Endpoint } from './transport.js';

/** Stands for the application's own authority, which is known once it listens. */
const OWN = 'own';

// socket.io by polling sends its cookie with each request, which is not a browser's doing; its handshake is checked alike.
describe.each([webSocket, socketIo('websocket'), subscriptions])('a cookie opens a socket on $name', (transport) => {
  let app: Endpoint;
  beforeAll(async () => {
    app = await transport.start(testOptions({ redis: inject('redisUrl'), guard: { from: ['bearer', 'cookie'] } }));
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
  });

  async function open(headers: Record<string, string>): Promise<unknown> {
    const { accessToken } = await app.sessions.create('alice');
    const { origin = '' } = headers;
    const filled = { ...headers, ...(origin !== '' && { origin: origin.replace(OWN, app.authority!) }) };
    try {
      const opened = await app.open!(accessToken, { cookie: `__Host-access_token=${accessToken}`, ...filled });
      opened.close();
      return 'let in';
    } catch (refused) {
      const { statusCode, reason } = refused as { statusCode?: number; reason?: string };
      if (statusCode === undefined) throw refused;
      return [statusCode, reason];
    }
  }

  it.each([
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'same-site', origin: 'https://www.example' },
    { origin: `http://${OWN}` },
    // Behind a proxy that ends TLS.
    { origin: `https://${OWN}` },
  ])('from a page of this site: %o', async (headers) => {
    expect(await open(headers as Record<string, string>)).toBe('let in');
  });

  it('from a client that is no browser, which says nothing of a site', async () => {
    expect(await open({})).toBe('let in');
  });

  it.each([
    { origin: 'https://evil.example' },
    { origin: `http://${OWN}.evil.example` },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site', origin: `http://${OWN}` },
    { 'sec-fetch-site': 'none' },
  ])('but not from elsewhere (cross-site WebSocket hijacking): %o', async (headers) => {
    expect(await open(headers as Record<string, string>)).toEqual([403, 'csrf']);
  });

  it('which nobody asks of a bearer token', async () => {
    const { accessToken } = await app.sessions.create('alice');
    const headers = { authorization: `Bearer ${accessToken}`, origin: 'https://evil.example' };
    (await app.open!(accessToken, headers)).close();
  });

  it('and two differing credentials open none', async () => {
    const { accessToken } = await app.sessions.create('alice');
    expect(await open({ authorization: `Bearer ${accessToken}` })).toEqual([401, 'malformed']);
  });
});
