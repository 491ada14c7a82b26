import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FAULTS } from '../support/matrix/faults.js';
import { TOPOLOGIES } from '../support/matrix/places.js';
import { faultsOn, WRONG } from '../support/matrix/report.js';
import { OPERATIONS } from '../support/operations/index.js';

const text = readFileSync(join(import.meta.dirname, '../../docs/fault-matrix.md'), 'utf8');

/** Cells by topology, fault and operation. */
function cellsOf(document: string): Map<string, string> {
  const cells = new Map<string, string>();
  for (const section of document.split(/^### /m).slice(1)) {
    const topology = section.slice(0, section.indexOf(':'));
    const rows = section
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const [head = [], , ...body] = rows;
    for (const [operation = '', ...row] of body) {
      for (const [n, cell] of row.entries()) cells.set(`${topology}, ${head[n + 1]}: ${operation.replaceAll('`', '')}`, cell);
    }
  }
  return cells;
}

it('the fault matrix has every operation under every fault on every topology, no empty cell, and none that is wrong or PENDING', () => {
  const cells = cellsOf(text);
  const wanted = TOPOLOGIES.flatMap((topology) =>
    faultsOn(topology).flatMap(({ name }) => OPERATIONS.map((operation) => `${topology}, ${name}: ${operation.name}`)),
  );
  expect(wanted.length).toBeGreaterThan(5_000);
  expect(wanted.filter((cell) => (cells.get(cell) ?? '') === '')).toEqual([]);
  expect([...cells].filter(([, cell]) => cell.includes(WRONG) || !/^(—|[✓wudf]( [✓wudf])*)$/.test(cell))).toEqual([]);
  expect(text).not.toContain('PENDING');
});

it('each fault that does not befall a topology has a reason in it', () => {
  for (const { name, except } of FAULTS) {
    for (const [topology, reason] of Object.entries(except)) expect(text).toContain(`- ${name}, ${topology}: ${reason}`);
  }
});
