import { once } from 'node:events';
import { PackageProgram } from '../package-program.js';
import { serverCertificate, testCa } from '../tls.js';
import type { Order } from './program.js';
import type { Run } from './run.js';

const EXITS_WITHIN_MS = 3_000;

/** The runs of one process; it has to end by itself afterwards. */
export async function runsOf(
  program: PackageProgram,
  order: Omit<Order, 'certificates'>,
  heard: (run: Run) => void = () => undefined,
): Promise<Run[]> {
  const running = program.start({ ...order, certificates: { ca: testCa, ...serverCertificate } } satisfies Order);
  const runs: Run[] = [];
  while (runs.length < order.faults.length) {
    const line = await running.hear();
    if (!line.startsWith('{')) continue;
    const run = JSON.parse(line) as Run;
    runs.push(run);
    heard(run);
  }
  const { child } = running;
  // what it started has to be stopped first
  if (child.exitCode === null) await once(child, 'exit', { signal: AbortSignal.timeout(10 * EXITS_WITHIN_MS) });
  if (child.exitCode !== 0) throw new Error(`the process ended with ${child.exitCode ?? child.signalCode}`);
  return runs;
}

/** The package, the table and the faults as a program. */
export function matrixProgram(): Promise<PackageProgram> {
  return PackageProgram.write("import 'reflect-metadata';\nawait import('./test/support/matrix/program.js');", { also: ['test/support'] });
}

/** Everything that is wrong, in lines. */
export function problemsOf({ topology, fault, cells, problems }: Run): string[] {
  const where = `${topology}, ${fault}`;
  return [
    ...problems.map((problem) => `${where}: ${problem}`),
    ...cells.flatMap(({ operation, problems: ofCell }) => ofCell.map((problem) => `${where}: ${operation} ${problem}`)),
  ];
}
