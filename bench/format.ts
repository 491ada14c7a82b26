import type { Quartiles } from './statistics.js';

export function spread({ lower, median, upper }: Quartiles): string {
  return `**${median.toFixed(2)}** (${lower.toFixed(2)}–${upper.toFixed(2)})`;
}

export function verdict(met: boolean): string {
  return met ? '' : ' — **missed**';
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** A goal that is not to be fallen short of, and whether it was. */
export function aim(value: number, goal: number | undefined): string {
  return goal === undefined ? '' : `≥ ${goal}${verdict(value >= goal)}`;
}
