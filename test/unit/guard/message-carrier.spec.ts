import { describe, expect, it } from 'vitest';
import { findCredential } from '../../../lib/guard/credentials.js';
import { messageCarrier } from '../../../lib/guard/message-carrier.js';

const token = 'a.b.c';
const bearer = `Bearer ${token}`;

/** gRPC's Metadata and the headers of NATS, as their handlers are given them. */
const headersWith = (name: string, value: unknown) => ({ get: (asked: string) => (asked === name ? value : undefined) });

function tokenOf(data: unknown, context: unknown): unknown {
  try {
    return findCredential(messageCarrier(data, context), { from: ['bearer'], cookieName: 'access_token' })?.token ?? 'none';
  } catch (error) {
    return (error as { reason: string }).reason;
  }
}

describe('the credential of a message', () => {
  it.each<[string, unknown, unknown]>([
    ['authorization in the payload', { authorization: bearer }, {}],
    ['accessToken in the payload', { accessToken: token }, {}],
    ['accessToken with its scheme', { accessToken: bearer }, {}],
    ['both, the same', { accessToken: token, authorization: bearer }, {}],
    ['a payload without a context', { authorization: bearer }, undefined],
    ['metadata of TCP and Redis', {}, { getMetadata: () => ({ authorization: bearer }) }],
    ['metadata of gRPC', {}, headersWith('authorization', [bearer])],
    ['headers of NATS', {}, { getHeaders: () => headersWith('Authorization', bearer) }],
    ['headers of Kafka', {}, { getMessage: () => ({ headers: { authorization: Buffer.from(bearer) } }) }],
    ['headers of RabbitMQ', {}, { getMessage: () => ({ properties: { headers: { authorization: bearer } } }) }],
    ['properties of MQTT 5', {}, { getPacket: () => ({ properties: { userProperties: { authorization: bearer } } }) }],
    ['headers beside a payload that is no object', 'text', { getMetadata: () => ({ authorization: bearer }) }],
    ['headers beside the same in the payload', { accessToken: token }, { getMetadata: () => ({ authorization: bearer }) }],
  ])('is found in %s', (_where, data, context) => {
    expect(tokenOf(data, context)).toBe(token);
  });

  it.each<[string, unknown, unknown]>([
    ['nothing', undefined, undefined],
    ['null', null, null],
    ['text', bearer, {}],
    ['another scheme', { authorization: 'Basic eA==' }, {}],
    ['an authorization of another kind', { authorization: { amount: 5 } }, {}],
    ['contexts whose headers are not there', {}, { getMetadata: () => undefined, getHeaders: () => null, getMessage: () => undefined }],
    ['a context with a property named get', {}, { get: 'authorization' }],
  ])('is not found in %s', (_where, data, context) => {
    expect(tokenOf(data, context)).toBe('none');
  });

  it.each<[string, unknown, unknown]>([
    ['two that differ', { accessToken: 'x.y.z', authorization: bearer }, {}],
    ['one in the payload, another in headers', { accessToken: 'x.y.z' }, { getMetadata: () => ({ authorization: bearer }) }],
    ['two headers', {}, headersWith('authorization', [bearer, 'Bearer x.y.z'])],
    ['an accessToken that is no text', { accessToken: { $ne: null } }, {}],
    ['a scheme without a token', { authorization: 'Bearer' }, {}],
    ['a token of two words', { authorization: 'Bearer a b' }, {}],
  ])('is refused where there are %s', (_what, data, context) => {
    expect(tokenOf(data, context)).toBe('malformed');
  });
});
