import { isObject } from '../data/index.js';
import type { ImportRecord } from './import-record.js';

/** Records as lines of JSON, each with its line feed: NDJSON, for a file or a pipe. */
export async function* toNdjson(records: AsyncIterable<ImportRecord> | Iterable<ImportRecord>): AsyncGenerator<string, void> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`;
}

/**
 * Records out of NDJSON, each with the number of its line. A line that holds no record becomes one that importTokens leaves
 * out as `malformed`; an empty line is passed over.
 */
export async function* fromNdjson(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<ImportRecord, void> {
  let line = 0;
  for await (const text of linesOf(chunks)) {
    line++;
    if (text.trim() !== '') yield { ...recordOf(text), line };
  }
}

function recordOf(text: string): ImportRecord {
  try {
    const value: unknown = JSON.parse(text);
    // importTokens looks at what is in it; what was left out is in no file.
    if (isObject(value) && (value as ImportRecord).kind !== 'skipped') return value as ImportRecord;
  } catch {
    // a torn line
  }
  return { kind: 'skipped', reason: 'malformed' };
}

async function* linesOf(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
