import type { IncomingMessage } from 'node:http';
import type { Carrier } from './carrier.js';
import type { HttpRequest } from './http-request.js';
import type { HttpResponse } from './http-response.js';
import { upgradeRequest } from './upgrade-requests.js';
import { type WebSocketClient, WebSocketStream } from './web-socket-stream.js';

/** What is read of the context that resolvers share: that of an operation over HTTP, or of graphql-ws. */
export interface GraphqlContext extends Partial<GraphqlSocket> {
  readonly req?: HttpRequest | GraphqlSocket;
  readonly request?: HttpRequest;
  readonly res?: HttpResponse;
  readonly reply?: HttpResponse & { readonly request?: HttpRequest };
}

/** The context of graphql-ws. */
interface GraphqlSocket {
  readonly connectionParams?: Readonly<Record<string, unknown>>;
  readonly extra: { readonly socket: WebSocketClient; readonly request: IncomingMessage };
}

/** Undefined where a context function of the application left out the request. */
export function graphqlCarrier(context: GraphqlContext | undefined): Carrier | undefined {
  const request = graphqlRequest(context);
  if (request === undefined) return undefined;
  if (!isSocket(request)) {
    const response = context?.res ?? context?.reply ?? (request as { res?: HttpResponse }).res;
    return { request, place: request, response };
  }
  const { connectionParams = {}, extra } = request;
  return {
    request: upgradeRequest(extra.request, { connectionParams }),
    place: request,
    handshake: true,
    authorization: [connectionParams['authorization'], connectionParams['Authorization']],
    tokens: 'accessToken' in connectionParams ? [connectionParams['accessToken']] : [],
    stream: new WebSocketStream(extra.socket),
  };
}

/** Nest puts the context of graphql-ws where that of HTTP has the request; an application's own may be bare. */
export function graphqlRequest(context: GraphqlContext | undefined): HttpRequest | (GraphqlSocket & { user?: unknown }) | undefined {
  return context?.req ?? (context !== undefined && isSocket(context) ? context : (context?.request ?? context?.reply?.request));
}

function isSocket(candidate: object): candidate is GraphqlSocket {
  const { extra } = candidate as Partial<GraphqlSocket>;
  return extra?.request?.headers !== undefined && typeof extra.socket?.close === 'function';
}
