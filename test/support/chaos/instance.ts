import { createInterface } from 'node:readline';
import { Logger } from '@nestjs/common';
import { seededRandom } from '../seeded-random.js';
import type { InstanceOptions, Order, Report, WorkloadName } from './history.js';
import { Recorder } from './recorder.js';
import type { Workload, WorkloadContext } from './workload.js';
import { cacheWorkload } from './workloads/cache.js';
import { familiesWorkload } from './workloads/families.js';
import { limitsWorkload } from './workloads/limits.js';
import { locksWorkload } from './workloads/locks.js';
import { revocationWorkload } from './workloads/revocation.js';

/** One process with one of each service, which works at random until it is told to rest, and tells every call. It ends by itself when it has nothing left to do. */
const options = JSON.parse(process.argv[2]!) as InstanceOptions;

const REPORT_EVERY_MS = 40;
const WORKLOADS: Record<WorkloadName, (context: WorkloadContext) => Promise<Workload>> = {
  revocation: revocationWorkload,
  families: familiesWorkload,
  locks: locksWorkload,
  limits: limitsWorkload,
  cache: cacheWorkload,
};

Logger.overrideLogger(false);
const unhandled: string[] = [];
process.on('unhandledRejection', (error) => unhandled.push(`rejection: ${String(error)}`));
process.on('uncaughtException', (error) => unhandled.push(`exception: ${error.stack}`));

const recorder = new Recorder(options.index);
const workloads = new Map<WorkloadName, Workload>();
for (const [number, name] of options.workloads.entries()) {
  // what one does is the same, whichever others there are
  workloads.set(name, await WORKLOADS[name]({ ...options, recorder, random: seededRandom(options.seed + number * 1_000_003) }));
}

function tell(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

function report(): void {
  const taken = recorder.take();
  if (taken !== undefined) tell(taken);
}
const reporting = setInterval(report, REPORT_EVERY_MS);

async function audit(tokens: readonly [string, string][]): Promise<void> {
  const look = async ([token, accessToken]: [string, string]): Promise<[string, string]> => [
    token,
    await workloads.get('revocation')!.outcomeOf!(accessToken),
  ];
  const audited: [string, string][] = [];
  for (let from = 0; from < tokens.length; from += 50) audited.push(...(await Promise.all(tokens.slice(from, from + 50).map(look))));
  tell({ audited });
}

const input = createInterface(process.stdin);

async function stop(): Promise<void> {
  clearInterval(reporting);
  for (const workload of workloads.values()) await workload[Symbol.asyncDispose]();
  await Promise.all(recorder.pending);
  report();
  tell({ unhandled });
  input.close();
  process.stdin.destroy();
}

input.on('line', (line) => {
  const order = JSON.parse(line) as Order;
  for (const { of, what } of order.shared ?? []) workloads.get(of)?.hear?.(what);
  if (order.rest || order.stop) for (const workload of workloads.values()) workload.rest();
  if (order.audit !== undefined) void audit(order.audit);
  if (order.stop) void stop();
});
tell({ ready: true });
