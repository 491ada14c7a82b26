import { once } from 'node:events';
import type { Server } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { keepUpgradeRequest } from 'nestjs-redis-auth';
import { ExtractJwt } from 'passport-jwt';
import { describe, expect, inject, it } from 'vitest';
import { WebSocket } from 'ws';
import { freePort } from '../../../lib/testing/free-port.js';
import { captureLog } from '../../support/open-connection.js';
import { testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { run } from '../guarded-app.js';
import { handlersOf } from './handlers.js';
import { ask, urlOf } from './sockets.js';
import { guardedModule } from './transport.js';
import { watchesOf } from './watches.js';

const gatewayOf = (transport: ClassDecorator = WebSocketGateway()): Type =>
  handlersOf(
    transport,
    (name) => SubscribeMessage(name),
    (seen) => ({ event: 'answer', data: seen }),
  );
const withWs = (app: INestApplication): void => void app.useWebSocketAdapter(new WsAdapter(app));

async function connect(url: string, token: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  await once(socket, 'open');
  return socket;
}

describe('one socket of ws', () => {
  it('serves handlers of every kind, and is watched once', async () => {
    await using app = await run('Express', guardedModule(testOptions({ redis: inject('redisUrl') }), { providers: [gatewayOf()] }), withWs);
    const { accessToken } = await app.sessions.create('alice', { data: { a: 1 } });
    const socket = await connect(urlOf(app), accessToken);
    for (const _ of [1, 2]) {
      expect(await ask(socket, 'me')).toMatchObject({ userId: 'alice', data: null });
      expect(await ask(socket, 'data')).toMatchObject({ userId: 'alice', data: { a: 1 } });
      expect(await ask(socket, 'open')).toMatchObject({ userId: null, sessionId: null });
      expect(await ask(socket, 'optional')).toMatchObject({ userId: 'alice', data: null });
      expect(await ask(socket, 'scoped')).toMatchObject({ statusCode: 403 });
    }
    expect(watchesOf(app.sessions)).toBe(1);
    socket.close();
    await until(() => watchesOf(app.sessions) === 0);
  });

  it('is told why a message is refused, in the form of every exception over sockets', async () => {
    await using app = await run('Express', guardedModule(testOptions({ redis: inject('redisUrl') }), { providers: [gatewayOf()] }), withWs);
    const socket = await connect(urlOf(app), 'rubbish');
    const answered = once(socket, 'message');
    socket.send(JSON.stringify({ event: 'me' }));
    expect(JSON.parse(String((await answered)[0]))).toEqual({
      event: 'exception',
      data: { status: 'error', statusCode: 401, message: 'the token is malformed', error: 'Unauthorized', reason: 'malformed' },
    });
    socket.close();
  });

  it('is known by what an extractor of the application finds in its URL', async () => {
    const options = testOptions({ redis: inject('redisUrl'), guard: { from: [ExtractJwt.fromUrlQueryParameter('ticket')] } });
    await using app = await run('Express', guardedModule(options, { providers: [gatewayOf()] }), withWs);
    const { accessToken } = await app.sessions.create('alice');
    const socket = await connect(`${urlOf(app)}/?ticket=${accessToken}`, 'ignored');
    expect(await ask(socket, 'me')).toMatchObject({ userId: 'alice' });
    socket.close();
  });

  it('is hung up on where its client does not answer', async () => {
    await using app = await run('Express', guardedModule(testOptions({ redis: inject('redisUrl') }), { providers: [gatewayOf()] }), withWs);
    const { accessToken, sessionId } = await app.sessions.create('alice');
    const socket = await connect(urlOf(app), accessToken);
    await ask(socket, 'me');
    socket.pause();
    const server = app.nest.getHttpServer() as Server;
    const connections = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    expect(await connections()).toBe(1);
    await app.sessions.revoke(sessionId);
    await until(async () => (await connections()) === 0);
    socket.terminate();
  });

  it('on a port of its own is known once the gateway says which request opened it', async () => {
    const [silent, telling] = [await freePort(), await freePort()];
    const gateways = [silent, telling].map((port) => gatewayOf(WebSocketGateway(port)));
    Object.assign(gateways[1]!.prototype as object, { handleConnection: keepUpgradeRequest });
    await using app = await run('Express', guardedModule(testOptions({ redis: inject('redisUrl') }), { providers: gateways }), withWs);
    const { accessToken } = await app.sessions.create('alice');
    const outcomeAt = async (port: number): Promise<unknown> => {
      const socket = await connect(`ws://127.0.0.1:${port}`, accessToken);
      const outcome = await ask(socket, 'me');
      socket.close();
      return outcome;
    };
    const log = captureLog();
    expect(await outcomeAt(telling)).toMatchObject({ userId: 'alice' });
    expect(await outcomeAt(silent)).toEqual({ statusCode: 401, reason: 'missing' });
    expect(log.join()).toContain('keepUpgradeRequest(client, request)');
  });
});

it('an application without sockets still answers a request that would like an upgrade', async () => {
  await using app = await run('Express', guardedModule(testOptions({ redis: inject('redisUrl') }), {}));
  const { status } = await app.send('GET', '/nowhere', { connection: 'Upgrade', upgrade: 'h2c' });
  expect(status).toBe(404);
});
