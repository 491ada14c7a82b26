import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { InvalidArgumentError } from '../errors/index.js';
import { isWellFormed } from '../options/index.js';
import { fromTagged, isPlain, toTagged } from './tagged-json.js';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** More than this is no value of a cache, and may be an attack on whoever inflates it. */
const MOST_INFLATED_BYTES = 268_435_456;

/**
 * Values as text, with their form as the first letter: `s` a string as it is, `j` JSON, `t` JSON with tags for what JSON
 * lacks, `z` one of these deflated, as base64.
 *
 * @throws InvalidArgumentError for what cannot be kept
 */
export function encode(value: unknown): string {
  if (typeof value === 'string' && isWellFormed(value)) return `s${value}`;
  try {
    return isPlain(value) ? `j${JSON.stringify(value)}` : `t${JSON.stringify(toTagged(value))}`;
  } catch (error) {
    throw error instanceof InvalidArgumentError ? error : new InvalidArgumentError('value', 'cannot be kept: it throws while it is read');
  }
}

/** @throws where it is no text of {@link encode} */
export function decode(text: string): unknown {
  if (text.startsWith('s')) return text.slice(1);
  if (text.startsWith('j')) return JSON.parse(text.slice(1));
  if (text.startsWith('t')) return fromTagged(JSON.parse(text.slice(1)));
  throw new SyntaxError('not a value of this cache');
}

/** Deflated from so many bytes on, if that makes it shorter; 0 never. */
export async function compressed(text: string, fromBytes: number): Promise<string> {
  if (fromBytes === 0 || text.length * 3 < fromBytes || Buffer.byteLength(text) < fromBytes) return text;
  const short = `z${(await deflate(text)).toString('base64')}`;
  return short.length < text.length ? short : text;
}

export function isCompressed(text: string): boolean {
  return text.startsWith('z');
}

/** @throws where it was not {@link compressed} */
export async function decompressed(text: string): Promise<string> {
  return (await inflate(Buffer.from(text.slice(1), 'base64'), { maxOutputLength: MOST_INFLATED_BYTES })).toString();
}
