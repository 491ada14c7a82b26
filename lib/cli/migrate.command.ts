import type { Command } from './command.js';
import { DRY_RUN_FLAG, JSON_FLAG, SECRETS, SOURCE_FLAGS, STORE_FLAGS } from './flags.js';
import { importAndReport } from './import-run.js';
import { withSource } from './places.js';
import { Progress } from './progress.js';

export const migrate: Command = {
  summary: 'take over what another system stored',
  about: `Takes over what another system stored in Redis: tokens with their owners, data and the rest of their lives.
Nothing is changed in the source, and nothing that is here already. To run it again is safe: it goes on with what
is missing. But what was consumed or deleted here since comes back, so go over before users do.

${SECRETS}`,
  flags: { ...SOURCE_FLAGS, ...STORE_FLAGS, ...DRY_RUN_FLAG, ...JSON_FLAG },
  afterInterrupt: 'Run the same command again to go on: what is there already is left as it is.',
  async run(values, terminal) {
    const progress = new Progress(terminal.err);
    const { onPosition } = progress;
    await withSource(values, terminal, { signal: terminal.signal, onPosition }, (records) =>
      importAndReport(values, terminal, progress, records),
    );
  },
};
