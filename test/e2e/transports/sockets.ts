import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { applyDecorators, UseFilters } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { RedisAuthExceptionFilter } from 'nestjs-redis-auth';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { run, type RunningApp } from '../guarded-app.js';
import { type Handler, handlersOf, type Seen } from './handlers.js';
import { type Endpoint, guardedModule, type Opened, type Outcome, placeOf, refusalIn, type Transport } from './transport.js';

// Nest gives gateways no global filters.
const asGateway = applyDecorators(WebSocketGateway(), UseFilters(RedisAuthExceptionFilter));
const asMessage = (name: Handler): MethodDecorator => SubscribeMessage(name);

export const webSocket: Transport = {
  name: 'ws',
  async start(options): Promise<Endpoint> {
    const gateway = handlersOf(asGateway, asMessage, (seen) => ({ event: 'answer', data: seen }));
    const app = await run('Express', guardedModule(options, { providers: [gateway] }), (nest) =>
      nest.useWebSocketAdapter(new WsAdapter(nest)),
    );
    const connect = async (token?: string, headers: Record<string, string> = {}): Promise<WebSocket> => {
      const socket = new WebSocket(urlOf(app), {
        headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      });
      await once(socket, 'open');
      return socket;
    };
    return {
      sessions: app.sessions,
      ...placeOf(app),
      async call(handler, token): Promise<Outcome> {
        const socket = await connect(token);
        const answer = await ask(socket, handler);
        socket.close();
        return answer;
      },
      async open(token, headers): Promise<Opened> {
        const socket = headers === undefined ? await connect(token) : await connect(undefined, headers);
        const ended = once(socket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
        await expectLetIn(ask(socket, 'me'));
        return { ended, close: () => socket.close() };
      },
      [Symbol.asyncDispose]: () => app.nest.close(),
    };
  },
};

/** One message, and what is answered to it. */
export async function ask(socket: WebSocket, handler: Handler): Promise<Outcome> {
  const answered = once(socket, 'message');
  socket.send(JSON.stringify({ event: handler, data: {} }));
  const { event, data } = JSON.parse(String((await answered)[0])) as { event: string; data: unknown };
  return event === 'answer' ? (data as Seen) : refusalIn(data);
}

export function socketIo(...transports: ('websocket' | 'polling')[]): Transport {
  return {
    name: `socket.io by ${transports.join(' and ')}`,
    async start(options): Promise<Endpoint> {
      const app = await run('Express', guardedModule(options, { providers: [handlersOf(asGateway, asMessage, (seen) => seen)] }));
      const connect = async (token?: string, headers: Record<string, string> = {}): Promise<Socket> => {
        const auth = token === undefined ? {} : { token };
        const socket = io(urlOf(app), { auth, transports, extraHeaders: headers, forceNew: true, reconnection: false });
        await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
        return socket;
      };
      return {
        sessions: app.sessions,
        ...placeOf(app),
        async call(handler, token): Promise<Outcome> {
          const socket = await connect(token);
          const answer = await askIo(socket, handler);
          socket.close();
          return answer;
        },
        async open(token, headers): Promise<Opened> {
          const socket = headers === undefined ? await connect(token) : await connect(undefined, headers);
          const told: unknown[] = [];
          socket.on('auth_error', (body) => told.push(body));
          const ended = new Promise((resolve) => socket.once('disconnect', () => resolve(told)));
          await expectLetIn(askIo(socket, 'me'));
          return { ended, close: () => socket.close() };
        },
        [Symbol.asyncDispose]: () => app.nest.close(),
      };
    },
  };
}

function askIo(socket: Socket, handler: Handler): Promise<Outcome> {
  return new Promise((resolve) => {
    socket.once('exception', (body) => resolve(refusalIn(body)));
    socket.emit(handler, {}, (seen: Seen) => resolve(seen));
  });
}

export async function expectLetIn(outcome: Promise<Outcome>): Promise<void> {
  const found = await outcome;
  if (!('userId' in found)) throw Object.assign(new Error(`refused: ${JSON.stringify(found)}`), found);
}

export function urlOf(app: RunningApp): string {
  return `ws://127.0.0.1:${(app.nest.getHttpServer().address() as AddressInfo).port}`;
}
