import { parseDuration } from './duration.js';
import type { Issues } from './issues.js';
import type { Duration } from './options.js';
import { isText } from './text.js';
import { unknownKey } from './unknown-key.js';

interface Range {
  min: number;
  max: number;
}

/** One object among the options, read key by key; every mistake becomes an issue with the option's path. */
export class OptionGroup {
  private readonly values: Readonly<Record<string, unknown>>;

  /** `value` undefined reads as an empty group; keys outside `known` are issues. */
  constructor(
    value: unknown,
    private readonly path: string,
    private readonly issues: Issues,
    known: readonly string[],
  ) {
    this.values = {};
    if (value === undefined) return;
    if (!isObject(value)) {
      issues.add(path === '' ? 'options' : path, 'must be an object');
      return;
    }
    this.values = value;
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) issues.add(this.at(key), unknownKey(key, known));
    }
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  /** null reads as "not set". */
  get(key: string): unknown {
    return this.values[key] ?? undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  reject(key: string, message: string): undefined {
    return this.issues.add(this.at(key), message);
  }

  /** Milliseconds; `minMs` 0 allows "none". */
  duration(key: string, fallback: Duration, { minMs, maxMs = Infinity }: { minMs: 0 | 1; maxMs?: number }): number {
    const value = this.get(key) ?? fallback;
    const ms = parseDuration(value as Duration);
    if (ms === undefined)
      this.reject(key, 'must be a number of seconds, or text with a unit such as "15m", "3 days", "500 ms"; at most 100 years');
    else if (ms < minMs) this.reject(key, 'must be longer than zero, at least 1 ms');
    else if (ms > maxMs) this.reject(key, `must be at most ${maxMs / 1000} seconds`);
    return ms ?? 0;
  }

  integer(key: string, fallback: number, { min, max }: Range): number {
    const value = this.get(key) ?? fallback;
    if (isIntegerWithin(value, { min, max })) return value;
    this.reject(key, `must be an integer from ${min} to ${max}`);
    return fallback;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'boolean') this.reject(key, 'must be true or false');
    return value === true;
  }

  oneOf<T extends string>(key: string, choices: readonly T[], fallback: T): T {
    const value = this.get(key) ?? fallback;
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) this.reject(key, `must be one of ${choices.map((name) => `"${name}"`).join(', ')}`);
    return choice ?? fallback;
  }

  /** Well-formed Unicode of 1 to `maxBytes` UTF-8 bytes. */
  text(key: string, fallback: string | undefined, maxBytes: number): string {
    const value = this.get(key) ?? fallback;
    if (isText(value, maxBytes)) return value;
    this.reject(key, value === undefined ? 'is required' : `must be a non-empty string of at most ${maxBytes} bytes`);
    return '';
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isIntegerWithin(value: unknown, { min, max }: Range): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
