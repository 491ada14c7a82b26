/** Half of a surrogate pair. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** False for a string with half of a surrogate pair: it becomes the same bytes as others when it leaves JavaScript. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** Well-formed Unicode of 1 to `maxBytes` UTF-8 bytes. */
export function isText(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value === '' || value.length > maxBytes) return false;
  return Buffer.byteLength(value) <= maxBytes && isWellFormed(value);
}

/** Whether it is one scope: printable ASCII without space, quote and backslash (RFC 6749, section 3.3). */
export function isScope(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);
}
