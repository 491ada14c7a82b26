import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Mutant, ROOT } from './mutant.js';
import { specsFor } from './specs.js';
import { SURVIVORS } from './survivors.js';
import { tryOut } from './trial.js';

/** One that takes longer than this hangs. */
const LIMIT_MS = 240_000;

/** A line for each mutant of this and earlier runs. */
const LOG = join(ROOT, '.cache/mutants.jsonl');

/** Fails where the mutant lives, and nobody has said why it may; and where it dies although somebody said that it lives. */
export async function expectDeath(mutant: Mutant): Promise<void> {
  const { file, name, operator, line } = mutant;
  const startedAt = Date.now();
  const { outcome, by, output } = await tryOut(mutant, specsFor(file), LIMIT_MS);
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  appendFileSync(LOG, `${JSON.stringify({ file, line, name, operator, outcome, by, ms: Date.now() - startedAt })}\n`);
  const reason = SURVIVORS[file]?.[name];
  if (reason === undefined) expect(outcome, `${file}:${line} ${name}\n${outcome === 'survived' ? '' : output}`).not.toBe('survived');
  else expect(outcome, `${file}:${line} ${name}: is explained in survivors.ts, and dies`).toBe('survived');
}
