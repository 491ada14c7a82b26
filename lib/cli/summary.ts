import type { ImportSummary, SkipNotice, SkipReason } from '../migration/index.js';
import { type Progress, whole } from './progress.js';

const MOST_LINES_TOLD = 20;

export function importSummary({ read, imported, present, skipped }: ImportSummary, dryRun: boolean): string {
  const done = dryRun ? 'would be imported' : 'imported';
  const ending = dryRun ? '\nThis was a dry run: nothing was written.' : '';
  return `${whole(read)} read, ${whole(imported)} ${done}, ${whole(present)} were there already, ${leftOut(skipped)}${ending}\n`;
}

export function leftOut(skipped: ImportSummary['skipped']): string {
  const reasons = Object.entries(skipped);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return 'none left out.';
  return `${whole(total)} left out: ${reasons.map(([reason, count]) => `${whole(count)} ${EXPLAINED[reason as SkipReason] ?? reason}`).join(', ')}.`;
}

export function sumOfSkipped(skipped: ImportSummary['skipped']): number {
  return Object.values(skipped).reduce((sum, count) => sum + count, 0);
}

/** Tells which lines of a file are left out, the first of them. */
export function lineTeller(progress: Progress): (notice: SkipNotice) => void {
  let told = 0;
  return ({ reason, line }) => {
    if (line === undefined || told > MOST_LINES_TOLD) return;
    told++;
    progress.say(told > MOST_LINES_TOLD ? '… and more lines' : `line ${line} is left out: ${EXPLAINED[reason]}`);
  };
}

const EXPLAINED: Record<SkipReason, string> = {
  expired: 'expired',
  malformed: 'malformed',
  'wrong-id': 'with an id that is not of that owner, app and type',
  'generated-form': 'in the form of a token that was generated here',
  'token-taken': 'whose token is there under another id',
  'bad-data': 'whose data are no object or too large',
  'ambiguous-key': 'whose key can be read in several ways',
  'unknown-key': 'whose key cannot be read',
  'no-owner': 'without an owner',
  'not-a-string': 'of another type of key',
  unreadable: 'whose value has another form',
  'not-decrypted': 'that cannot be decrypted',
  secret: 'secret (--with-secrets writes them, too)',
  'no-oauth-store': 'of OAuth (set REDIS_AUTH_SECRET or JWT_SECRET)',
};
