import { describe, expect, it } from 'vitest';
import { fromNdjson, type ImportRecord, toNdjson, type TokenRecord } from '../../../lib/migration/index.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const record: TokenRecord = {
  kind: 'token',
  id: 'x'.repeat(28),
  app: 'default',
  type: 'reset',
  owner: '👩‍👩‍👧\n',
  data: { é: ['\u2028', 1e21, null] },
  expiresAt: null,
};

describe('NDJSON', () => {
  it('gives back what was written, wherever the chunks are cut', async () => {
    const bytes = Buffer.from((await all(toNdjson([record, record]))).join(''));
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
      expect(await all(fromNdjson(each(chunks)))).toEqual([
        { ...record, line: 1 },
        { ...record, line: 2 },
      ]);
    }
  });

  it('passes over empty lines, takes those of Windows, and the last one without its end', async () => {
    const json = JSON.stringify(record);
    const lines = (await all(fromNdjson(each([`\n${json}\r\n\r\n \n${json}`])))).map(({ line }) => line);
    expect(lines).toEqual([2, 5]);
  });

  it.each(['{', 'null', '[]', '1', '"text"', '{"kind":"token"', '\0', '{"kind":"skipped","reason":"__proto__"}'])(
    'makes %j a line that is left out',
    async (text) => {
      expect(await all(fromNdjson(each([text])))).toEqual([{ kind: 'skipped', reason: 'malformed', line: 1 } satisfies ImportRecord]);
    },
  );

  it('leaves a line out that is not UTF-8, rather than change what it says, and goes on', async () => {
    const latin1 = Buffer.from(JSON.stringify(record).replace('é', '\xe9'), 'latin1');
    const file = Buffer.concat([latin1, Buffer.from(`\n${JSON.stringify(record)}\n`)]);
    expect(await all(fromNdjson(each([file])))).toEqual([
      { kind: 'skipped', reason: 'malformed', line: 1 },
      { ...record, line: 2 },
    ]);
  });

  it('takes a file that begins with a byte order mark, as bytes and as text', async () => {
    const text = `\ufeff${JSON.stringify(record)}\n`;
    for (const chunk of [text, Buffer.from(text)]) expect(await all(fromNdjson(each([chunk])))).toEqual([{ ...record, line: 1 }]);
  });

  it.each(['text', 'bytes'])('leaves a line without an end out, keeps nothing of it, and goes on (%s)', async (form) => {
    const blank = 'x'.repeat(65_536);
    const chunk = form === 'text' ? blank : Buffer.from(blank);
    const largest = { ...record, data: { text: 'x'.repeat(1_048_576) } };
    let held = 0;
    async function* file(): AsyncGenerator<string | Uint8Array> {
      const before = process.memoryUsage();
      for (let n = 0; n < 4_096; n++) {
        yield form === 'text' ? chunk : Uint8Array.from(chunk as Buffer);
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        held = Math.max(held, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers);
      }
      yield `\n${JSON.stringify(largest)}\n`;
    }
    expect(await all(fromNdjson(file()))).toEqual([
      { kind: 'skipped', reason: 'malformed', line: 1 },
      { ...largest, line: 2 },
    ]);
    expect(held).toBeLessThan(128 * 1024 * 1024);
  });
});
