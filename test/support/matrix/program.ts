import { Logger } from '@nestjs/common';
import { FAULTS } from './faults.js';
import { type Certificates, openPlace, type Place, type Topology } from './places.js';
import { FaultRun } from './run.js';

/** What a process runs; it tells each run in a line of JSON, and ends by itself when nothing is left to do. */
export interface Order {
  readonly topology: Topology;
  /** Names of faults. */
  readonly faults: readonly string[];
  readonly commandTimeout: number;
  readonly certificates: Certificates;
}

const { topology, faults, commandTimeout, certificates } = JSON.parse(process.argv[2]!) as Order;
Logger.overrideLogger(false);

let place: Place | undefined;
for (const name of faults) {
  const fault = FAULTS.find((candidate) => candidate.name === name)!;
  try {
    place ??= await openPlace(topology, certificates);
    console.log(JSON.stringify(await new FaultRun(place, fault, commandTimeout).result()));
  } catch (error) {
    console.log(
      JSON.stringify({
        topology,
        fault: name,
        cells: [],
        problems: [`the run failed: ${error instanceof Error ? error.stack : String(error)}`],
      }),
    );
    // Whatever state it is in: the next one begins with another.
    await Promise.allSettled([place?.[Symbol.asyncDispose]()]);
    place = undefined;
  }
}
await place?.[Symbol.asyncDispose]();
