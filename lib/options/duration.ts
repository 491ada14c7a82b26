import type { Duration } from './options.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: ReadonlyMap<string, number> = new Map([
  ...named(1, 'ms', 'msec', 'msecs', 'millisecond', 'milliseconds'),
  ...named(SECOND, 's', 'sec', 'secs', 'second', 'seconds'),
  ...named(MINUTE, 'm', 'min', 'mins', 'minute', 'minutes'),
  ...named(HOUR, 'h', 'hr', 'hrs', 'hour', 'hours'),
  ...named(DAY, 'd', 'day', 'days'),
  ...named(7 * DAY, 'w', 'week', 'weeks'),
  ...named(365 * DAY, 'y', 'yr', 'yrs', 'year', 'years'),
]);

/** Longer than anything that can be meant; also keeps every sum of durations a safe integer. */
export const LONGEST_DURATION_MS = 100 * 365 * DAY;

/**
 * Milliseconds of a duration: a number of seconds, or text with its unit (`'500 ms'`, `'15m'`, `'3 days'`,
 * `'1 year'` = 365 days). Undefined for anything else: digits alone in a string, negative, not finite, over 100 years.
 */
export function parseDuration(value: Duration): number | undefined {
  const exact = typeof value === 'number' ? value * SECOND : typeof value === 'string' ? parseText(value) : undefined;
  if (exact === undefined || !(exact >= 0 && exact <= LONGEST_DURATION_MS)) return undefined;
  return Math.round(exact);
}

function parseText(text: string): number | undefined {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  const factor = UNITS.get(unit?.toLowerCase() ?? '');
  return factor === undefined ? undefined : Number(amount) * factor;
}

function named(factor: number, ...names: string[]): [string, number][] {
  return names.map((name) => [name, factor]);
}
