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
