import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, inject, it } from 'vitest';
import { NAUGHTY_STRINGS } from '../support/naughty-strings/index.js';
import { testOptions } from '../support/sessions.js';
import { guardedApp, PLATFORMS } from './guarded-app.js';

/** Statuses of the answers to a request written byte by byte: no client would send these headers. */
async function statusesOf(authority: string, header: string): Promise<number[]> {
  const socket = connect(Number(authority.split(':')[1]), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write(`GET /me HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n${header}\r\n\r\n`);
  await once(socket, 'close');
  return [
    ...Buffer.concat(chunks)
      .toString('latin1')
      .matchAll(/^HTTP\/1\.1 (\d+)/gm),
  ].map(([, status]) => Number(status));
}

describe.each(PLATFORMS)('the guard on %s', (platform) => {
  it.each([
    ['a bearer token', (text: string) => `Authorization: Bearer ${text}`],
    ['a cookie', (text: string) => `Cookie: __Host-access_token=${text}`],
  ])('answers each of more than 600 naughty strings as %s with 401 or 400, never 200 or 500', async (_what, header) => {
    await using app = await guardedApp(platform, testOptions({ redis: inject('redisUrl'), guard: { from: ['bearer', 'cookie'] } }));
    const found = new Map<number, number>();
    for (let from = 0; from < NAUGHTY_STRINGS.length; from += 64) {
      const batch = NAUGHTY_STRINGS.slice(from, from + 64);
      for (const statuses of await Promise.all(batch.map((text) => statusesOf(app.authority, header(text))))) {
        expect(statuses.length).toBeGreaterThan(0);
        for (const status of statuses) found.set(status, (found.get(status) ?? 0) + 1);
      }
    }
    expect([...found.keys()].filter((status) => status !== 401 && status !== 400)).toEqual([]);
    expect(found.get(401)).toBeGreaterThan(400);
  });
});
