import type { Carrier } from './carrier.js';
import type { IdentityPlace } from './identity.js';

/** What the contexts of the transports of @nestjs/microservices have their headers in. */
interface MessageContext {
  /** Of TCP and Redis. */
  getMetadata?(): unknown;
  /** Of NATS. */
  getHeaders?(): unknown;
  /** Of Kafka, and of RabbitMQ. */
  getMessage?(): { readonly headers?: unknown; readonly properties?: { readonly headers?: unknown } } | undefined;
  /** Of MQTT 5. */
  getPacket?(): { readonly properties?: { readonly userProperties?: unknown } } | undefined;
  /** Of gRPC, whose handlers are given the metadata itself. */
  get?: unknown;
}

/** A message says who sent it in its headers, where its transport has some, or in `authorization` or `accessToken` of its payload. */
export function messageCarrier(data: unknown, context: unknown): Carrier {
  const payload: Record<string, unknown> = isObject(data) ? data : {};
  return {
    request: { headers: {}, ...{ data, context } },
    place: messagePlace(data, context) ?? {},
    authorization: [...authorizationHeaders(isObject(context) ? context : {}), payload['authorization']],
    tokens: payload['accessToken'] === undefined ? [] : [payload['accessToken']],
  };
}

/** The context is made anew for each message; the payload is for transports of an application's own that have none. */
export function messagePlace(data: unknown, context: unknown): IdentityPlace | undefined {
  if (isObject(context)) return context;
  return isObject(data) ? data : undefined;
}

function authorizationHeaders(context: MessageContext): unknown[] {
  const message = context.getMessage?.();
  const places = [
    context.getMetadata?.(),
    context.getHeaders?.(),
    message?.headers,
    message?.properties?.headers,
    context.getPacket?.()?.properties?.userProperties,
    typeof context.get === 'function' ? context : undefined,
  ];
  return places.flatMap(authorizationIn).map((value) => (Buffer.isBuffer(value) ? value.toString() : value));
}

function authorizationIn(headers: unknown): unknown[] {
  if (!isObject(headers)) return [];
  const { get } = headers;
  const read = (name: string): unknown => (typeof get === 'function' ? (get.call(headers, name) as unknown) : headers[name]);
  return [...new Set([read('authorization'), read('Authorization')].flat())];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
