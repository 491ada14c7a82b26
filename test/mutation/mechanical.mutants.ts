import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { luaEdits } from './lua-operators.js';
import { type Mutant, mutantsOf, ROOT, textOf } from './mutant.js';
import { expectDeath } from './run-mutant.js';
import { sampleOf } from './sample.js';
import { tsEdits } from './ts-operators.js';

/** What decides whether a token is in force, beside the scripts. */
const VERIFIER = [
  ...[
    'access-token-verifier',
    'access-token-claims',
    'verified-token',
    'json-segment',
    'jws',
    'jws-header',
    'token-id',
    'token-memory',
  ].map((name) => `lib/jwt/${name}.ts`),
  ...['token-checks', 'liveness'].map((name) => `lib/sessions/${name}.ts`),
];

const scripts = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.lua.ts'))
  .map((name) => `lib/${name}`)
  .sort();

describe.for([...scripts, ...VERIFIER])('%s', (file) => {
  const all = mutantsFrom(file);
  const chosen = sampleOf(all, 0.06);
  describe.concurrent(`${chosen.length} of its ${all.length} mutants`, () => {
    it.for(chosen.map((mutant) => [`${mutant.line}: ${mutant.name}`, mutant] as const))('%s', ([, mutant]) => expectDeath(mutant));
  });
});

function mutantsFrom(file: string): Mutant[] {
  const text = textOf(file);
  return mutantsOf(file, text, file.endsWith('.lua.ts') ? luaEdits(file, text) : tsEdits(file, text));
}
