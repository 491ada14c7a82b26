import type { Call, Violation } from '../history.js';

/** Calls that ended neither with a result nor with one of the errors that are promised. */
export function failuresOf(calls: readonly Call[]): Violation[] {
  return calls.filter(({ outcome }) => outcome.startsWith('failed')).map((call) => ({ what: 'failed', calls: [call] }));
}
