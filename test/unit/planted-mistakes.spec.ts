import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FORGOTTEN_GUARDS } from '../mutation/security.js';
import { PLANTED } from '../support/chaos/planted.js';

const ROOT = join(import.meta.dirname, '../..');

const timesIn = (file: string, text: string): number => readFileSync(join(ROOT, file), 'utf8').split(text).length - 1;

// The runs that make these mistakes take long: what changed in lib/ meanwhile is to be noticed before.
it.each(FORGOTTEN_GUARDS.map(({ name, file, from }) => [file, name, from] as const))('%s: %s', (file, _name, from) => {
  expect(timesIn(file, from)).toBe(1);
});

it.each(Object.entries(PLANTED))('chaos: %s', (_name, { edit }) => {
  expect(timesIn(edit.file, edit.find)).toBe(1);
});
