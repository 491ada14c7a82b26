import { assertObject, assertText } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { type Duration, parseDuration } from '../options/index.js';
import type { RateLimitAlgorithm, RateLimitRule, RateLimitUse } from './rate-limit-types.js';

const MAX_KEY_BYTES = 1024;
const MAX_REQUEST_ID_BYTES = 256;
const MAX_LIMITS = 16;
const LETTERS: Readonly<Record<RateLimitAlgorithm, string>> = { gcra: 'g', fixed: 'f', sliding: 's' };

/** Windows that were parsed: an application has few, and asks for them all the time. */
const parsed = new Map<Duration, number>();
const MOST_PARSED = 256;

/** A limit as the script takes it. */
export interface CheckedLimit {
  /** Of its algorithm. */
  readonly letter: string;
  /** Where it is kept within its bucket: another for each algorithm, window and limit. */
  readonly field: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly cost: number;
}

export function checkKey(key: unknown): string {
  assertText('key', key, MAX_KEY_BYTES);
  return key;
}

export function checkRequestId(rules: readonly RateLimitUse[]): string | undefined {
  let requestId: string | undefined;
  for (const { requestId: id } of rules) {
    if (id === undefined) continue;
    assertText('requestId', id, MAX_REQUEST_ID_BYTES);
    if (requestId !== undefined && requestId !== id)
      throw new InvalidArgumentError('requestId', 'must be the same for all limits of a call');
    requestId = id;
  }
  return requestId;
}

/** One limit or several that are to hold together. */
export function checkLimits(rules: RateLimitRule | readonly RateLimitRule[]): CheckedLimit[] {
  if (!Array.isArray(rules)) return [checkLimit('options', rules)];
  if (rules.length < 1 || rules.length > MAX_LIMITS) throw new InvalidArgumentError('options', `must be 1 to ${MAX_LIMITS} limits`);
  const limits = rules.map((rule, index) => checkLimit(`options[${index}]`, rule));
  const fields = new Set(limits.map(({ field }) => field));
  if (fields.size < limits.length) throw new InvalidArgumentError('options', 'must not hold the same limit twice');
  return limits;
}

/** @param path what messages begin with, as `options` */
export function checkLimit(path: string, rule: unknown): CheckedLimit {
  assertObject(path, rule);
  const { limit, window, cost = 1, algorithm = 'gcra' } = rule as unknown as RateLimitRule;
  if (!Number.isSafeInteger(limit) || limit < 1) throw new InvalidArgumentError(`${path}.limit`, 'must be an integer of at least 1');
  if (!Number.isSafeInteger(cost) || cost < 1 || cost > limit) {
    throw new InvalidArgumentError(`${path}.cost`, `must be an integer from 1 to the limit, ${limit}: more could never be allowed`);
  }
  if (!Object.hasOwn(LETTERS, algorithm)) {
    throw new InvalidArgumentError(`${path}.algorithm`, "must be 'gcra', 'fixed' or 'sliding'");
  }
  const windowMs = checkDuration(`${path}.window`, window);
  const letter = LETTERS[algorithm];
  return { letter, field: `${letter}${windowMs}/${limit}`, limit, windowMs, cost };
}

export function checkDuration(argument: string, duration: Duration): number {
  const known = parsed.get(duration);
  if (known !== undefined) return known;
  const ms = parseDuration(duration);
  if (ms !== undefined && ms >= 1) {
    if (parsed.size < MOST_PARSED) parsed.set(duration, ms);
    return ms;
  }
  throw new InvalidArgumentError(argument, "must be a duration above 0: seconds, or text as '1m', '500 ms'");
}
