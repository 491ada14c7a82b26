import { InvalidArgumentError } from '../errors/index.js';

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

/** JSON would leave functions, symbols, Maps and Sets out, and write NaN, Infinity and what an array leaves undefined as null. */
function refuseLoss(this: unknown, _name: string, value: unknown): unknown {
  const lost =
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    (typeof value === 'number' && !Number.isFinite(value)) ||
    (value === undefined && Array.isArray(this)) ||
    value instanceof Map ||
    value instanceof Set;
  if (lost) throw new TypeError();
  return value;
}

export function assertObject(argument: string, value: unknown): asserts value is Record<string, unknown> {
  if (!isObject(value)) throw new InvalidArgumentError(argument, 'must be an object');
}

export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
