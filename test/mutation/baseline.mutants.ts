import { expect, it } from 'vitest';
import { SPEC_SETS } from './specs.js';
import { tryOut } from './trial.js';

it.for(Object.entries(SPEC_SETS))('lib/ as it is passes what is to kill mutants of %s', async ([, specs]) => {
  const { outcome, output } = await tryOut(undefined, specs, 600_000);
  expect(outcome, output).toBe('survived');
});
