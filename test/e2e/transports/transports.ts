import { graphql, subscriptions } from './graphql.js';
import { http, serverSentEvents } from './http.js';
import { rpc } from './rpc.js';
import { socketIo, webSocket } from './sockets.js';
import type { Transport } from './transport.js';

/** Those where what was let in stays open. */
export const OPEN_TRANSPORTS: readonly Transport[] = [
  webSocket,
  socketIo('websocket'),
  socketIo('polling'),
  socketIo('polling', 'websocket'),
  subscriptions,
  serverSentEvents('Express'),
  serverSentEvents('Fastify'),
];

export const TRANSPORTS: readonly Transport[] = [
  http('Express'),
  http('Fastify'),
  graphql,
  ...OPEN_TRANSPORTS,
  rpc('authorization'),
  rpc('accessToken'),
];
