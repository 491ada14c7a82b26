import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { subscribed, subscriptions } from './graphql.js';
import { feeding, serverSentEvents } from './http.js';
import { socketIo, webSocket } from './sockets.js';
import type { Endpoint } from './transport.js';
import { watchesOf } from './watches.js';
import { scaled } from '../../support/scale.js';

const CONNECTS = scaled(1_500, 10_000);
const AT_ONCE = 200;

describe.each([webSocket, socketIo('websocket'), subscriptions, serverSentEvents('Express')])('on $name', (transport) => {
  let app: Endpoint;
  beforeAll(async () => {
    app = await transport.start(testOptions({ redis: inject('redisUrl') }));
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
  });

  const connections = (): Promise<number> => new Promise((resolve) => app.server!.getConnections((_, count) => resolve(count)));
  const listeners = (): unknown => app.server!.eventNames().map((name) => [name, app.server!.listenerCount(name)]);

  it(`nothing is left of ${CONNECTS} that came and went`, { timeout: 180_000 }, async () => {
    const { accessToken, sessionId } = await app.sessions.create('alice');
    (await app.open!(accessToken)).close();
    await until(() => watchesOf(app.sessions) === 0);
    const before = listeners();
    for (let opened = 0; opened < CONNECTS; opened += AT_ONCE) {
      const all = await Promise.all(Array.from({ length: AT_ONCE }, () => app.open!(accessToken)));
      expect(watchesOf(app.sessions)).toBe(AT_ONCE);
      // The last ones are ended by the server.
      if (opened + AT_ONCE < CONNECTS) for (const one of all) one.close();
      else await app.sessions.revoke(sessionId);
      await Promise.all(all.map(({ ended }) => ended));
      await until(async () => watchesOf(app.sessions) === 0 && (await connections()) === 0);
    }
    expect(listeners()).toEqual(before);
    await until(() => feeding.streams === 0 && subscribed.count === 0);
  });
});
