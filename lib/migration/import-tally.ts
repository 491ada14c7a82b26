import type { ImportRecord, SkipReason } from './import-record.js';

/** What an import has done. */
export interface ImportSummary {
  /** Records that were taken from the source. */
  read: number;
  imported: number;
  /** Those that were there already, and stay as they are. */
  present: number;
  /** How many were left out, by why. */
  skipped: Partial<Record<SkipReason, number>>;
}

/** One record that was left out. */
export interface SkipNotice {
  reason: SkipReason;
  /** Where it stands, if it came from a file. */
  line?: number;
}

/** Counts, and tells who wants to know. */
export class ImportTally {
  private readonly counts: ImportSummary = { read: 0, imported: 0, present: 0, skipped: {} };

  constructor(
    private readonly onProgress: ((summary: ImportSummary) => void) | undefined,
    private readonly onSkip: ((notice: SkipNotice) => void) | undefined,
  ) {}

  read(records: number): void {
    this.counts.read += records;
  }

  count(outcome: 'imported' | 'present'): void {
    this.counts[outcome]++;
  }

  skip(reason: SkipReason, { line }: Pick<ImportRecord, 'line'>): void {
    this.counts.skipped[reason] = (this.counts.skipped[reason] ?? 0) + 1;
    this.onSkip?.(line === undefined ? { reason } : { reason, line });
  }

  tell(): void {
    this.onProgress?.(this.summary());
  }

  summary(): ImportSummary {
    return { ...this.counts, skipped: { ...this.counts.skipped } };
  }
}
