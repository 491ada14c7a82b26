import { InvalidArgumentError } from '../errors/index.js';
import { isObject as isRecord } from '../options/index.js';

export function toJson(argument: string, value: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value, refuseLoss);
  } catch {
    // circular, a BigInt, or refused
  }
  if (json === undefined) throw new InvalidArgumentError(argument, 'must be data that JSON can hold');
  return json;
}

/** JSON would leave functions, symbols and what Maps, Promises and Errors hold out, and write NaN, Infinity and what an array leaves undefined as null. */
function refuseLoss(this: unknown, _name: string, value: unknown): unknown {
  const lost =
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    (typeof value === 'number' && !Number.isFinite(value)) ||
    (value === undefined && Array.isArray(this)) ||
    (isRecord(value) && !BOXED.has(tagOf(value)) && !hasMembers(value));
  if (lost) throw new TypeError();
  return value;
}

const BOXED: ReadonlySet<string> = new Set(['[object String]', '[object Number]', '[object Boolean]']);

/** Whether what an object holds is in its members, as in one that is plain or of a class of the application; in a Map, a Date, a Promise or a Buffer it is not. */
export function hasMembers(value: object): boolean {
  return tagOf(value) === '[object Object]';
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

export function assertObject(argument: string, value: unknown): asserts value is Record<string, unknown> {
  if (!isRecord(value)) throw new InvalidArgumentError(argument, 'must be an object');
}

/** For what has a type of its own, which it keeps. */
export function isObject(value: unknown): boolean {
  return isRecord(value);
}
