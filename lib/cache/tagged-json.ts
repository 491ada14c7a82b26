import { InvalidArgumentError } from '../errors/index.js';

/** What JSON lacks, under a key of its own; an object that has that key is written as its entries. */
type Tagged =
  | { $: 'undefined' }
  | { $: 'number' | 'bigint' | 'Buffer' | 'Uint8Array'; v: string }
  | { $: 'Date'; v: number | null }
  | { $: 'Set'; v: unknown[] }
  | { $: 'Map' | 'object'; v: [unknown, unknown][] };

const MOST_NESTED = 500;

/** Whether JSON alone keeps everything of it. */
export function isPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      if (value === null) return true;
      // one that is circular is found by whoever writes it
      if (depth > MOST_NESTED) return false;
      if (Array.isArray(value)) {
        for (let n = 0; n < value.length; n++) if (!isPlain(value[n], depth + 1)) return false;
        return true;
      }
      if (Object.getPrototypeOf(value) !== Object.prototype || typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
      for (const name in value) if (!isPlain((value as Record<string, unknown>)[name], depth + 1)) return false;
      return true;
    default:
      return false;
  }
}

/** @throws InvalidArgumentError for what cannot be kept: functions, symbols, what is circular or nested too deep, and objects that keep what they hold to themselves */
export function toTagged(value: unknown, depth = 0): unknown {
  if (depth > MOST_NESTED) throw notKept('what is circular, or nested too deep');
  const within = (inner: unknown): unknown => toTagged(inner, depth + 1);
  switch (typeof value) {
    case 'undefined':
      return { $: 'undefined' } satisfies Tagged;
    case 'bigint':
      return { $: 'bigint', v: String(value) } satisfies Tagged;
    case 'number':
      return isPlain(value) ? value : ({ $: 'number', v: Object.is(value, -0) ? '-0' : String(value) } satisfies Tagged);
    case 'function':
    case 'symbol':
      throw notKept(`a ${typeof value}`);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return Array.from(value, within);
  if (value instanceof Date) return { $: 'Date', v: Number.isNaN(value.getTime()) ? null : value.getTime() } satisfies Tagged;
  if (value instanceof Map) return { $: 'Map', v: Array.from(value, ([key, held]) => [within(key), within(held)]) } satisfies Tagged;
  if (value instanceof Set) return { $: 'Set', v: Array.from(value, within) } satisfies Tagged;
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $: Buffer.isBuffer(value) ? 'Buffer' : 'Uint8Array', v: bytes.toString('base64') } satisfies Tagged;
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return within(value.toJSON());
  // by what it calls itself: of a RegExp, an Error or a Promise nothing would be left
  const kind = Object.prototype.toString.call(value);
  if (kind !== '[object Object]') throw notKept(`a ${kind.slice(8, -1)}`);
  const entries = Object.entries(value).map(([name, held]): [string, unknown] => [name, within(held)]);
  if (Object.hasOwn(value, '$')) return { $: 'object', v: entries } satisfies Tagged;
  return Object.fromEntries(entries);
}

/** Undoes {@link toTagged}, on what JSON.parse made. */
export function fromTagged(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(fromTagged);
  if (!Object.hasOwn(json, '$')) return Object.fromEntries(Object.entries(json).map(([name, held]) => [name, fromTagged(held)]));
  const tagged = json as Tagged;
  switch (tagged.$) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(tagged.v);
    case 'bigint':
      return BigInt(tagged.v);
    case 'Date':
      return new Date(tagged.v ?? Number.NaN);
    case 'Buffer':
      return Buffer.from(tagged.v, 'base64');
    case 'Uint8Array':
      return new Uint8Array(Buffer.from(tagged.v, 'base64'));
    case 'Set':
      return new Set(tagged.v.map(fromTagged));
    case 'Map':
      return new Map(tagged.v.map(([key, held]) => [fromTagged(key), fromTagged(held)]));
    case 'object':
      return Object.fromEntries(tagged.v.map(([name, held]) => [name, fromTagged(held)]));
  }
}

/** A copy of what was decoded, so that whoever changes what they got changes nobody else's. */
export function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const copy: Record<string, unknown> = {};
    for (const name in value) {
      const held = (value as Record<string, unknown>)[name];
      const inner = typeof held === 'object' ? copyOf(held) : held;
      if (name === '__proto__') Object.defineProperty(copy, name, { value: inner, enumerable: true, configurable: true, writable: true });
      else copy[name] = inner;
    }
    return copy;
  }
  if (value instanceof Date) return new Date(value);
  if (value instanceof Map) return new Map(Array.from(value, ([key, held]) => [copyOf(key), copyOf(held)]));
  if (value instanceof Set) return new Set(Array.from(value, copyOf));
  return Buffer.isBuffer(value) ? Buffer.from(value) : new Uint8Array(value as Uint8Array);
}

function notKept(what: string): InvalidArgumentError {
  return new InvalidArgumentError('value', `holds ${what}, which cannot be kept`);
}
