import { afterAll, beforeAll, expect, it } from 'vitest';
import { matrixProgram, problemsOf, runsOf } from '../support/matrix/processes.js';
import type { PackageProgram } from '../support/package-program.js';

/** The whole, on every topology: `npm run test:faults`. */
const QUICK = ['down at boot', 'kill −9', 'accept, then close', 'BUSY script', 'full memory (noeviction)', 'SCRIPT FLUSH in a loop'];
const COMMAND_TIMEOUT_MS = 400;

let program: PackageProgram;
beforeAll(async () => {
  program = await matrixProgram();
});
afterAll(() => program[Symbol.asyncDispose]());

it('every public method, under six faults of one server, comes to what the table says, and the process can end', async () => {
  const runs = await runsOf(program, { topology: 'standalone', faults: QUICK, commandTimeout: COMMAND_TIMEOUT_MS });
  expect(runs.flatMap(problemsOf)).toEqual([]);
  expect(runs.map(({ fault }) => fault)).toEqual(QUICK);
}, 120_000);
