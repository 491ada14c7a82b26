import type { ExecutionContext } from '@nestjs/common';
import type { Carrier } from './carrier.js';
import { EventStream } from './event-stream.js';
import { graphqlCarrier, type GraphqlContext, graphqlRequest } from './graphql-carrier.js';
import type { HttpRequest } from './http-request.js';
import type { HttpResponse } from './http-response.js';
import type { IdentityPlace } from './identity.js';
import { messageCarrier, messagePlace } from './message-carrier.js';
import type { RoutePolicy } from './route-policy.js';
import { type SocketClient, socketCarrier } from './socket-carrier.js';

/** Undefined for a transport that is not known. */
export function carrierOf(context: ExecutionContext, policy: RoutePolicy): Carrier | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return httpCarrier(context.getArgByIndex<HttpRequest>(0), context.getArgByIndex<HttpResponse>(1), policy.stream);
    case 'graphql':
      return graphqlCarrier(context.getArgByIndex<GraphqlContext>(2));
    case 'ws':
      return socketCarrier(context.getArgByIndex<SocketClient>(0));
    case 'rpc':
      return messageCarrier(context.getArgByIndex<unknown>(0), context.getArgByIndex<unknown>(1));
    default:
      return undefined;
  }
}

/** Where {@link carrierOf} has the guard leave whom it let in. */
export function placeOf(context: ExecutionContext): IdentityPlace | undefined {
  switch (context.getType<string>()) {
    case 'http':
    case 'ws':
      return context.getArgByIndex<IdentityPlace>(0);
    case 'graphql':
      return graphqlRequest(context.getArgByIndex<GraphqlContext>(2));
    case 'rpc':
      return messagePlace(context.getArgByIndex<unknown>(0), context.getArgByIndex<unknown>(1));
    default:
      return undefined;
  }
}

function httpCarrier(request: HttpRequest, response: HttpResponse, streams: boolean): Carrier {
  return { request, place: request, response, stream: streams ? new EventStream(response) : undefined };
}
