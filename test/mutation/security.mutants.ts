import { describe, expect, it } from 'vitest';
import { mutantsOf, type Mutant, textOf } from './mutant.js';
import { expectDeath } from './run-mutant.js';
import { sampleOf } from './sample.js';
import { FORGOTTEN_GUARDS, type ForgottenGuard } from './security.js';

describe.concurrent('a guard that was forgotten is noticed', () => {
  it.for(sampleOf(FORGOTTEN_GUARDS, 1).map((guard) => [`${guard.file}: ${guard.name}`, guard] as const))('%s', ([, guard]) =>
    expectDeath(mutantOf(guard)),
  );
});

function mutantOf({ file, name, from, to }: ForgottenGuard): Mutant {
  const text = textOf(file);
  const at = text.indexOf(from);
  expect(at, `${file} holds ${from}`).toBeGreaterThanOrEqual(0);
  expect(text.indexOf(from, at + 1), `${file} holds it once: ${from}`).toBe(-1);
  const [mutant] = mutantsOf(file, text, [{ at, length: from.length, replacement: to, operator: 'forgotten guard' }]);
  return { ...mutant!, name };
}
