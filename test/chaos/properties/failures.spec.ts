import { expect, it } from 'vitest';
import type { Call } from '../../support/chaos/history.js';
import { failuresOf } from '../../support/chaos/properties/failures.js';

it('a call is to end with a result or with an error that is promised, and with nothing else', () => {
  const call: Call = { on: 0, does: 'verify', start: 0, end: 10, outcome: 'ok' };
  const outcomes = ['ok', 'was not live', 'refused: revoked', 'unavailable', 'busy', 'lost'];
  expect(failuresOf(outcomes.map((outcome) => ({ ...call, outcome })))).toEqual([]);
  expect(failuresOf([{ ...call, outcome: 'failed: TypeError' }])).toHaveLength(1);
});
