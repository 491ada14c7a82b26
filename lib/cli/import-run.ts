import type { ImportRecord, ImportSummary } from '../migration/index.js';
import { isSet, type Terminal, type Values } from './command.js';
import { withStore } from './places.js';
import { Progress } from './progress.js';
import { importSummary, lineTeller, sumOfSkipped } from './summary.js';

/** Imports and tells what became of it; `records` may tell the progress where it is. */
export async function importAndReport(
  values: Values,
  terminal: Terminal,
  progress: Progress,
  records: AsyncIterable<ImportRecord>,
): Promise<void> {
  const dryRun = isSet(values, 'dry-run');
  const summary = await withStore(values, terminal, async (migration, oauth) => {
    const onSkip = lineTeller(progress);
    const onProgress = ({ read, imported, present, skipped }: ImportSummary): void =>
      progress.show({ imported, 'there already': present, 'left out': sumOfSkipped(skipped) }, read);
    try {
      return await migration.importTokens(records, { dryRun, signal: terminal.signal, onProgress, onSkip, ...(oauth && { oauth }) });
    } finally {
      progress.end();
    }
  });
  terminal.out.write(isSet(values, 'json') ? `${JSON.stringify({ ...summary, dryRun })}\n` : importSummary(summary, dryRun));
}
