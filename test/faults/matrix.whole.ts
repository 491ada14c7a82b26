import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { TOPOLOGIES } from '../support/matrix/places.js';
import { matrixProgram, problemsOf, runsOf } from '../support/matrix/processes.js';
import { faultsOn, reportOf } from '../support/matrix/report.js';
import type { Run } from '../support/matrix/run.js';
import type { PackageProgram } from '../support/package-program.js';

const DOCUMENT = join(import.meta.dirname, '../../docs/fault-matrix.md');
/** The default of the module. */
const COMMAND_TIMEOUT_MS = 1_000;

let program: PackageProgram;
const all: Run[] = [];
beforeAll(async () => {
  program = await matrixProgram();
});
afterAll(() => program[Symbol.asyncDispose]());

describe('every public method, under every fault', () => {
  it.each(TOPOLOGIES)('on %s comes to what the table says, and the process can end', async (topology) => {
    const faults = faultsOn(topology).map(({ name }) => name);
    const runs = await runsOf(program, { topology, faults, commandTimeout: COMMAND_TIMEOUT_MS }, (run) => {
      all.push(run);
      console.log(`${topology}, ${run.fault}: ${run.cells.length} calls, ${problemsOf(run).length} problems`);
    });
    expect(runs.flatMap(problemsOf)).toEqual([]);
  });

  it('stands in docs/fault-matrix.md', async () => {
    await using redis = await startRedis();
    const info = await ask(redis, (client) => client.info('server'));
    writeFileSync(DOCUMENT, reportOf(all, COMMAND_TIMEOUT_MS, /redis_version:(\S+)/.exec(info)![1]!));
  });
});
