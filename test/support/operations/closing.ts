import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation, operationsOf } from './operation.js';
import type { Services } from './services.js';

/** What was made by hand, with a connection of its own. */
interface Standalone {
  ask(): Promise<unknown>;
  close(): Promise<void>;
}

/** Long enough to connect where there is something to connect to. */
const CONNECTS_WITHIN_MS = 1_000;

/** To close what has a connection of its own, once that was used. */
export function closing(operation: ReturnType<typeof operationsOf>, name: string, open: (on: Services) => Standalone): Operation {
  return operation(name, 'close', async (on) => {
    const standalone = open(on);
    await Promise.race([standalone.ask().catch(() => undefined), sleep(CONNECTS_WITHIN_MS, undefined, { ref: false })]);
    return { call: () => standalone.close() };
  });
}
