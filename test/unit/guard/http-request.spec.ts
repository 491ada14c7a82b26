import { describe, expect, it } from 'vitest';
import { plainBearer } from '../../../lib/guard/credentials.js';
import type { HttpRequest } from '../../../lib/guard/http-request.js';
import { isHandshakeFromThisSite } from '../../../lib/guard/same-site.js';

describe('the token of a plain Authorization header', () => {
  const requestWith = (authorization: string, ...more: string[]): HttpRequest => ({
    headers: { authorization },
    rawHeaders: ['Host', 'x', 'Authorization', authorization, ...more],
  });

  it('is what follows the scheme', () => {
    expect(plainBearer(requestWith('Bearer a.b.c', 'Accept', '*/*'))).toBe('a.b.c');
    expect(plainBearer({ headers: { authorization: 'Bearer a.b.c' } })).toBe('a.b.c');
    // Fastify's request is around Node's.
    const { headers, rawHeaders } = requestWith('Bearer a.b.c');
    expect(plainBearer({ headers, raw: { rawHeaders: [...rawHeaders!] } as NonNullable<HttpRequest['raw']> })).toBe('a.b.c');
  });

  it.each([
    ['bearer a.b.c'],
    ['Basic a.b.c'],
    ['Bearer'],
    ['Bearer a.b.c', 'authorization', 'Bearer a.b.c'],
    ['Bearer a.b.c', 'AUTHORIZATION', 'x'],
  ])('is left to a closer look: %s %s', (authorization, ...more) => {
    expect(plainBearer(requestWith(authorization, ...more))).toBeUndefined();
  });
});

describe('the page that opens a socket', () => {
  const from = (headers: Record<string, string>, encrypted?: boolean): boolean =>
    isHandshakeFromThisSite({ method: 'GET', headers: { host: 'app.example', ...headers }, socket: { encrypted } });

  it('is of this site by what the browser says, or by its origin', () => {
    expect(from({ 'sec-fetch-site': 'same-origin' })).toBe(true);
    expect(from({ 'sec-fetch-site': 'same-site', origin: 'https://www.example' })).toBe(true);
    expect(from({ origin: 'https://app.example' })).toBe(true);
    expect(from({ origin: 'http://app.example' })).toBe(true);
    expect(from({ origin: 'https://app.example' }, true)).toBe(true);
    // no browser: it would say so
    expect(from({})).toBe(true);
  });

  it('is not, though its method is GET', () => {
    expect(from({ origin: 'https://evil.example' })).toBe(false);
    expect(from({ origin: 'https://app.example:8443' })).toBe(false);
    expect(from({ 'sec-fetch-site': 'cross-site', origin: 'https://app.example' })).toBe(false);
    // Where this process ends TLS, it knows that a page without it is another one.
    expect(from({ origin: 'http://app.example' }, true)).toBe(false);
  });
});
