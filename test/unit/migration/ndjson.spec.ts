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
});
