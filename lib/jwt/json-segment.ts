import { isUtf8 } from 'node:buffer';

/** The bytes of a base64url text; null unless it is the one canonical text of them, so that no token has a second spelling. */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

/** The JSON object of a JWT's segment; null for anything else. */
export function decodeJsonObject(segment: string): Record<string, unknown> | null {
  const bytes = decodeBase64url(segment);
  return bytes === null ? null : parseJsonObject(bytes);
}

/**
 * The same for a segment of at most 8 kB that is known to be what was signed: of that there is no second spelling to be
 * refused, and it is decoded without an object made for it.
 */
export function decodeSignedObject(segment: string): Record<string, unknown> | null {
  const length = scratch.write(segment, 'base64url');
  // the decoder passes over what does not belong there, and takes the other alphabet as well
  if (length !== Math.floor((segment.length * 3) / 4) || segment.includes('+') || segment.includes('/')) return null;
  if (ENDINGS[segment.length % 4]?.includes(segment.at(-1)!) === false) return null;
  const text = scratch.toString('utf8', 0, length);
  return text.includes('\ufffd') ? parseJsonObject(scratch.subarray(0, length)) : objectIn(text);
}

/** With how many characters the last group is begun: those it may end with, since no unused bit is set. */
const ENDINGS: Readonly<Record<number, string>> = { 1: '', 2: 'AQgw', 3: 'AEIMQUYcgkosw048' };

const scratch = Buffer.alloc(8192);

function parseJsonObject(bytes: Buffer): Record<string, unknown> | null {
  return isUtf8(bytes) ? objectIn(bytes.toString()) : null;
}

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
