import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ImportRecord, type ImportSummary, toNdjson } from '../migration/index.js';
import { type Command, isSet, textOf, UsageError } from './command.js';
import { fileFlag, JSON_FLAG, SECRETS, SOURCE_FLAGS, STORE_FLAGS } from './flags.js';
import { PrivateFile } from './private-file.js';
import { withSource, withStore } from './places.js';
import { Progress, whole } from './progress.js';
import { leftOut, sumOfSkipped } from './summary.js';

/** Without it they would be passed over, and something else written than was meant. */
const WITH_FROM = ['source', 'source-prefix', 'owner-field', 'with-secrets'] as const;

export const exportCommand: Command = {
  summary: 'write tokens to a file',
  about: `Writes the live tokens of this package, or with --from those of another system, as NDJSON: a record a line, which
import reads. The file is for your user alone (mode 600) and appears when it is complete. It holds no secret: of
tokens that another system stored in the clear their hashes, which can be imported just as well. --with-secrets
writes those tokens themselves, and what atxp stored.

${SECRETS}`,
  flags: {
    ...fileFlag('where to write, - for standard output (default: -)'),
    ...STORE_FLAGS,
    ...SOURCE_FLAGS,
    'with-secrets': { type: 'boolean', help: 'write what another system stored in the clear' },
    ...JSON_FLAG,
  },
  afterInterrupt: 'No file was written. Run the same command again.',
  async run(values, terminal) {
    for (const flag of WITH_FROM)
      if (values['from'] === undefined && values[flag] !== undefined) throw new UsageError(`--${flag} needs --from`);
    const { signal, err } = terminal;
    const progress = new Progress(err);
    const counts = new ExportCounts(progress);
    const scan = { signal, onPosition: progress.onPosition };
    const file = textOf(values, 'file') ?? '-';
    await withStore(values, terminal, async (migration) => {
      if (values['from'] === undefined) return write(migration.exportTokens(scan));
      return withSource(values, terminal, scan, (records) =>
        write(isSet(values, 'with-secrets') ? records : migration.withoutSecrets(records)),
      );
    });
    const report = file === '-' ? err : terminal.out;
    const { exported, skipped } = counts;
    report.write(
      isSet(values, 'json') ? `${JSON.stringify({ exported, skipped })}\n` : `${whole(exported)} written, ${leftOut(skipped)}\n`,
    );

    async function write(records: AsyncIterable<ImportRecord>): Promise<void> {
      try {
        const lines = Readable.from(toNdjson(counts.written(records)));
        if (file === '-') await pipeline(lines, terminal.out, { signal, end: false });
        else await PrivateFile.write(file, lines, signal);
      } finally {
        progress.end();
      }
    }
  },
};

/** What goes into the file, counted. */
class ExportCounts {
  exported = 0;
  readonly skipped: ImportSummary['skipped'] = {};

  constructor(private readonly progress: Progress) {}

  async *written(records: AsyncIterable<ImportRecord>): AsyncGenerator<ImportRecord, void> {
    for await (const record of records) {
      if (record.kind === 'skipped') this.skipped[record.reason] = (this.skipped[record.reason] ?? 0) + 1;
      else {
        yield record;
        this.exported++;
      }
      this.progress.show({ written: this.exported, 'left out': sumOfSkipped(this.skipped) }, this.exported);
    }
  }
}
