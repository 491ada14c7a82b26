import { isObject } from '../data/index.js';
import type { ImportRecord } from './import-record.js';

type Piece = string | Uint8Array;

/** Far longer than the line of any record that can be stored; what goes on and on is no line and fills no memory. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;
const LINE_FEED = 0x0a;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Records as lines of JSON, each with its line feed: NDJSON, for a file or a pipe. */
export async function* toNdjson(records: AsyncIterable<ImportRecord> | Iterable<ImportRecord>): AsyncGenerator<string, void> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`;
}

/**
 * Records out of NDJSON in UTF-8, each with the number of its line. A line that holds no record, is not UTF-8, or is longer
 * than 4 MB becomes one that importTokens leaves out as `malformed`; an empty line is passed over.
 */
export async function* fromNdjson(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<ImportRecord, void> {
  let line = 0;
  for await (const text of linesOf(chunks)) {
    line++;
    if (text?.trim() !== '') yield { ...recordOf(text), line };
  }
}

function recordOf(text: string | undefined): ImportRecord {
  try {
    // A file of Windows may begin with a mark that trim takes away.
    const value: unknown = text === undefined ? undefined : JSON.parse(text.trim());
    // importTokens looks at what is in it; what was left out is in no file.
    if (isObject(value) && (value as ImportRecord).kind !== 'skipped') return value as ImportRecord;
  } catch {
    // a torn line
  }
  return { kind: 'skipped', reason: 'malformed' };
}

/** Undefined for a line that cannot be one. */
async function* linesOf(chunks: AsyncIterable<Piece>): AsyncGenerator<string | undefined, void> {
  let pieces: Piece[] = [];
  let length = 0;
  const add = (piece: Piece): void => {
    length += piece.length;
    if (length > MAX_LINE_LENGTH) pieces = [];
    else if (piece.length > 0) pieces.push(piece);
  };
  const end = (): string | undefined => {
    const text = length > MAX_LINE_LENGTH ? undefined : textOf(pieces);
    [pieces, length] = [[], 0];
    return text;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = endOfLine(chunk, from); at >= 0; at = endOfLine(chunk, from)) {
      add(typeof chunk === 'string' ? chunk.slice(from, at) : chunk.subarray(from, at));
      yield end();
      from = at + 1;
    }
    // A source may fill the same bytes anew.
    add(typeof chunk === 'string' ? chunk.slice(from) : Buffer.from(chunk.subarray(from)));
  }
  if (length > 0) yield end();
}

function endOfLine(chunk: Piece, from: number): number {
  return typeof chunk === 'string' ? chunk.indexOf('\n', from) : chunk.indexOf(LINE_FEED, from);
}

/** Undefined for bytes that are no UTF-8: what is put in their place would be stored as if it had been there. */
function textOf(pieces: readonly Piece[]): string | undefined {
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('');
  const [first, ...further] = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
  try {
    return UTF8.decode(further.length === 0 ? first : Buffer.concat([first!, ...further]));
  } catch {
    return undefined;
  }
}
