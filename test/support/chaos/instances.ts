import { once } from 'node:events';
import { type Edit, type PackageProcess, PackageProgram } from '../package-program.js';
import { until } from '../until.js';
import type { Call, InstanceOptions, Order, Report, Shared } from './history.js';

const ENDS_WITHIN_MS = 5_000;

/** Processes with services of their own, which hear of each other through this one. */
export class Instances {
  readonly calls: Call[] = [];
  /** All that they told each other. */
  readonly shared: Shared[] = [];
  /** What went wrong in one of the processes, but for calls. */
  readonly mishaps: string[] = [];

  private readonly reports: Report[][];
  /** Settle when the processes have nothing more to say. */
  private readonly listening: readonly Promise<void>[];

  private constructor(private readonly processes: readonly PackageProcess[]) {
    this.reports = processes.map(() => []);
    this.listening = processes.map((process, index) => this.listen(index, process));
  }

  /** Resolves when all of them are ready; they are at work from then on. */
  static async start(program: PackageProgram, options: readonly InstanceOptions[]): Promise<Instances> {
    const started = new Instances(options.map((each) => program.start(each)));
    await until(() => started.reports.every((reports) => reports.some(({ ready }) => ready)), { within: 60_000, what: 'instances begin' });
    return started;
  }

  /** No more calls; those under way come to their end. */
  async rest(): Promise<void> {
    this.tell({ rest: true });
    let count = -1;
    // each call settles within its own bound
    await until(() => count === (count = this.calls.length), { within: 30_000, every: 800, what: 'all calls are done' });
  }

  /** What each instance says of each access token, by its name. */
  async audit(tokens: readonly [name: string, accessToken: string][]): Promise<Map<string, string>[]> {
    for (const reports of this.reports) reports.length = 0;
    this.tell({ audit: tokens });
    const answers = await until(
      () => {
        const found = this.reports.map((reports) => reports.find(({ audited }) => audited !== undefined)?.audited);
        return found.every((audited) => audited !== undefined) && found;
      },
      { within: 60_000, what: 'instances verify what there is' },
    );
    return answers.map((audited) => new Map(audited));
  }

  /** Every process has to end by itself. */
  async stop(): Promise<void> {
    const ends = this.processes.map(async ({ child }, index) => {
      if (child.exitCode === null) await once(child, 'exit', { signal: AbortSignal.timeout(ENDS_WITHIN_MS) });
      if (child.exitCode !== 0) this.mishaps.push(`instance ${index} ended with ${child.exitCode ?? child.signalCode}`);
      // its last word may be told later than its end
      await this.listening[index];
    });
    this.tell({ stop: true });
    for (const [index, end] of (await Promise.allSettled(ends)).entries()) {
      if (end.status === 'rejected') this.mishaps.push(`instance ${index} did not end within ${ENDS_WITHIN_MS} ms`);
    }
    for (const [index, reports] of this.reports.entries()) {
      const last = reports.find(({ unhandled }) => unhandled !== undefined)?.unhandled;
      this.mishaps.push(...(last ?? ['ended without a last word']).map((mishap) => `instance ${index}: ${mishap}`));
    }
  }

  private async listen(index: number, process: PackageProcess): Promise<void> {
    try {
      for (;;) this.hear(index, JSON.parse(await process.hear()) as Report);
    } catch (error) {
      if (!String(error).includes('ended early')) throw error;
    }
  }

  private hear(index: number, report: Report): void {
    const { calls, shared = [] } = report;
    for (const call of calls ?? []) this.calls.push(call);
    for (const one of shared) this.shared.push(one);
    if (shared.length > 0) this.tell({ shared }, index);
    if (calls === undefined) this.reports[index]!.push(report);
  }

  private tell(order: Order, except?: number): void {
    for (const [index, process] of this.processes.entries()) {
      if (index !== except && process.child.exitCode === null) process.say(JSON.stringify(order));
    }
  }
}

/** The package and the tests' own program beside it, as they lie here but for the edits; what it starts ends with it. */
export function writeProgram(edits: readonly Edit[] = []): Promise<PackageProgram> {
  const support = ['key-prefix.ts', 'seeded-random.ts', 'sessions.ts', 'locks.ts'].map((name) => `test/support/${name}`);
  const own = ['history.ts', 'recorder.ts', 'workload.ts', 'instance.ts', 'workloads'].map((name) => `test/support/chaos/${name}`);
  return PackageProgram.write(`import './test/support/chaos/instance.js';`, { also: [...support, ...own], edits });
}
