import { assertText, isObject } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { type Duration, parseDuration } from '../options/index.js';
import { escapeText } from '../redis/index.js';
import type { GetOrSetOptions } from './cache-types.js';

const MAX_KEY_BYTES = 1024;
const MAX_NAME_BYTES = 256;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
const MAX_TAGS = 64;

/** The options of a call in milliseconds, tags escaped, each once and in order. */
export interface FillOptions {
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly softMs: number;
  readonly hardMs: number | undefined;
  readonly negativeMs: number | undefined;
  readonly jitter: number;
  readonly tags: readonly string[];
}

const OPTIONS: ReadonlySet<string> = new Set([
  'ttl',
  'grace',
  'softTimeout',
  'hardTimeout',
  'tags',
  'negativeTtl',
  'jitter',
] as const satisfies readonly (keyof GetOrSetOptions)[]);
const NO_TAGS: readonly string[] = [];

export function checkKey(key: unknown, argument = 'key'): asserts key is string {
  // most keys are visible ASCII, and this is all that a local hit would otherwise wait for
  if (typeof key !== 'string' || key.length > MAX_KEY_BYTES || !VISIBLE_ASCII.test(key)) assertText(argument, key, MAX_KEY_BYTES);
}

export function checkKeys(keys: unknown): readonly string[] {
  if (!Array.isArray(keys)) throw new InvalidArgumentError('keys', 'must be an array');
  keys.forEach((key: unknown, place) => checkKey(key, `keys[${place}]`));
  return keys as string[];
}

export function checkNamespace(name: unknown): asserts name is string {
  assertText('name', name, MAX_NAME_BYTES);
}

/** Milliseconds, at least one. */
export function checkTtl(ttl: unknown, argument = 'ttl'): number {
  const ms = parseDuration(ttl as Duration);
  if (ms === undefined || ms < 1) {
    throw new InvalidArgumentError(
      argument,
      "must be a number of seconds, or text with a unit such as '15m'; more than zero, at most 100 years",
    );
  }
  return ms;
}

export function checkTags(tags: unknown): readonly string[] {
  if (!Array.isArray(tags) || tags.length > MAX_TAGS) throw new InvalidArgumentError('tags', `must be an array of at most ${MAX_TAGS}`);
  tags.forEach((tag: unknown, place) => assertText(`tags[${place}]`, tag, MAX_NAME_BYTES));
  return [...new Set((tags as string[]).map(escapeText))].toSorted();
}

export function checkFillOptions(options: unknown): FillOptions {
  if (!isObject(options)) throw new InvalidArgumentError('options', 'must be an object with a ttl');
  for (const name in options as object) {
    if (!OPTIONS.has(name)) throw new InvalidArgumentError(`options.${name.slice(0, 64)}`, 'is not known');
  }
  const { ttl, grace, softTimeout, hardTimeout, tags, negativeTtl, jitter = 0 } = options as GetOrSetOptions;
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) throw new InvalidArgumentError('options.jitter', 'must be from 0 to 1');
  return {
    ttlMs: checkTtl(ttl, 'options.ttl'),
    graceMs: grace === undefined ? 0 : checkWait(grace, 'options.grace'),
    softMs: softTimeout === undefined ? 0 : checkWait(softTimeout, 'options.softTimeout'),
    hardMs: hardTimeout === undefined ? undefined : checkTtl(hardTimeout, 'options.hardTimeout'),
    negativeMs: negativeTtl === undefined ? undefined : checkTtl(negativeTtl, 'options.negativeTtl'),
    jitter,
    tags: tags === undefined || tags.length === 0 ? NO_TAGS : checkTags(tags),
  };
}

/** Milliseconds, also none. */
function checkWait(wait: Duration, argument: string): number {
  const ms = parseDuration(wait);
  if (ms === undefined) throw new InvalidArgumentError(argument, "must be a number of seconds, or text with a unit such as '500 ms'");
  return ms;
}
