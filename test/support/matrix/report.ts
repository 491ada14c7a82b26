import { cpus, loadavg } from 'node:os';
import { type Kind, type Operation, OPERATIONS } from '../operations/index.js';
import { EXPECTED, whyNot } from './expectations.js';
import { type Fault, FAULTS } from './faults.js';
import { type Topology, TOPOLOGIES } from './places.js';
import type { Cell, Run } from './run.js';

/** What stands in a cell for each outcome. */
const SYMBOLS: Readonly<Record<string, string>> = { works: '✓', without: 'w', refused: 'u', 'in doubt': 'd', full: 'f' };
/** For what is not as the table of expectations has it. */
export const WRONG = '✗';

const KINDS: Readonly<Record<Kind, string>> = {
  read: 'Asks Redis and changes nothing',
  write: 'Needs more memory in Redis',
  change: 'Changes or ends what is there',
  known: 'Answers from what this process knows',
  cache: 'Does without Redis',
  limit: 'Decides here where Redis cannot be asked',
  lock: 'Obtains a lock',
  unlock: 'Goes on with a lock, or frees it',
  close: 'Ends a connection of its own, within 2 s',
  here: 'Asks nobody',
};

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  row(head),
  row(head.map(() => '---')),
  ...rows.map(row),
];

/** The faults that a topology has a column for. */
export function faultsOn(topology: Topology): readonly Fault[] {
  return FAULTS.filter(({ except }) => except[topology] === undefined);
}

/** docs/fault-matrix.md: only what was measured stands in it. */
export function reportOf(runs: readonly Run[], commandTimeout: number, redisVersion: string): string {
  return [
    '# Fault matrix',
    '',
    'Written by `npm run test:faults`: what every public method comes to under every fault, on every topology. Nothing here is typed by hand.',
    '',
    `_${new Date().toISOString().slice(0, 10)}, ${cpus().length} virtual cores, Node ${process.versions.node}, Redis ${redisVersion}; load average at the end: ${loadavg()[0]!.toFixed(1)}; \`commandTimeout\` ${commandTimeout} ms._`,
    '',
    ...LEGEND,
    '## How it took',
    '',
    'Ms until the slowest call had settled, and from the end of the fault until the last of all calls worked again; the time for which the event loop of the process stood still is left out.',
    '',
    ...timesOf(runs),
    ...TOPOLOGIES.flatMap((topology) => tablesOf(topology, runs)),
    '## What does not apply',
    '',
    ...reasons(),
    '',
  ].join('\n');
}

const LEGEND = [
  'Each call has to settle within `commandTimeout` and its own stated wait (250 ms are given to whoever measures), come to what is expected of its kind, take effect once at most, and work',
  'again within 2 s after the fault has ended. Afterwards nothing is half-written (every key has a TTL, indexes name what there is), no rejection was unhandled, the connections close within 2 s, and the process ends by itself.',
  '',
  '- ✓ works as ever',
  '- w does without Redis: a miss, the loader, the limit of this instance, no lock of the cache',
  '- u unavailable: `StoreUnavailableError` (of a lock `LockStoreUnavailableError`, of a guard 503), and nothing was executed',
  '- d in doubt: the same with `ambiguous: true`; executed once at most',
  '- f full: `StoreFullError`, and nothing is stored',
  '- — does not apply, see the end',
  '',
  'Two signs: some calls came to this and some to that, as where the first finds out that there is no connection, and the next ones know.',
  '',
];

function timesOf(runs: readonly Run[]): string[] {
  const rows = FAULTS.map(({ name }) => [
    name,
    ...TOPOLOGIES.map((topology) => {
      const run = runs.find((each) => each.topology === topology && each.fault === name);
      if (run === undefined) return '—';
      const settled = Math.max(...run.cells.map(({ settledMs }) => settledMs));
      const recovered = Math.max(...run.cells.map(({ recoveredMs = 0 }) => recoveredMs));
      return `${settled} · ${recovered}`;
    }),
  ]);
  return [...table(['settled · recovered', ...TOPOLOGIES], rows), ''];
}

function tablesOf(topology: Topology, runs: readonly Run[]): string[] {
  const faults = faultsOn(topology);
  const cellOf = (operation: Operation, fault: Fault): string => {
    if (whyNot(operation, fault) !== undefined) return '—';
    const run = runs.find((each) => each.topology === topology && each.fault === fault.name);
    return signOf(run?.cells.find(({ operation: name }) => name === operation.name));
  };
  const kinds = (Object.keys(KINDS) as Kind[]).filter((kind) => OPERATIONS.some((operation) => operation.kind === kind));
  return [
    `## ${topology}`,
    '',
    ...kinds.flatMap((kind) => [
      `### ${topology}: ${KINDS[kind]}`,
      '',
      ...table(
        ['', ...faults.map(({ name }) => name)],
        OPERATIONS.filter((operation) => operation.kind === kind).map((operation) => [
          `\`${operation.name}\``,
          ...faults.map((fault) => cellOf(operation, fault)),
        ]),
      ),
      '',
    ]),
  ];
}

function signOf(cell: Cell | undefined): string {
  if (cell === undefined) return WRONG;
  const signs = cell.outcomes.map((outcome) => SYMBOLS[outcome] ?? WRONG);
  return [...signs, ...(cell.problems.length > 0 ? [WRONG] : [])].join(' ');
}

function reasons(): string[] {
  const ofFaults = FAULTS.flatMap(({ name, except }) =>
    Object.entries(except).map(([topology, reason]) => `- ${name}, ${topology}: ${reason}`),
  );
  const ofCalls = FAULTS.flatMap((fault) =>
    OPERATIONS.flatMap((operation) => whyNot(operation, fault) ?? [])
      .slice(0, 1)
      .map((reason) => `- ${fault.name}, calls that go on with something: ${reason}`),
  );
  return [...ofFaults, ...ofCalls];
}

/** Kinds of faults of which the table of expectations says nothing. */
export function faultsWithoutExpectation(): string[] {
  return FAULTS.filter(({ kind }) => !(kind in EXPECTED)).map(({ name }) => name);
}
