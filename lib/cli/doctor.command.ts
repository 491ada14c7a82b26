import { type AuditFinding, type AuditReport, checkOptions, examine, type Outcome, reportOf } from '../audit/index.js';
import { describeAddress } from '../redis/index.js';
import { auditedOptions } from './audited-options.js';
import { type Command, isSet, textOf, UsageError, type Values } from './command.js';
import { JSON_FLAG, STORE_FLAGS } from './flags.js';

/** A Redis that is far away and busy is no finding. */
const COMMAND_TIMEOUT_MS = 3_000;

const HEALTHY = 0;
const FOUND_ERRORS = 1;

export const doctor: Command = {
  summary: 'tell what is wrong with Redis, the way to it, and the options',
  about: `Connects as the application would and tells what is wrong, and what to do: why there is no connection, what of the
server puts sessions at risk, which rights are too many, which secrets are weak or shared. Reads the variables of
redisAuthOptionsFromConfig (REDIS_URL, JWT_SECRET, SESSION_…) and changes nothing. Ends with 1 where there is an error
or no connection, with 0 where there are warnings and notes alone. A password belongs into REDIS_URL rather than --redis.`,
  flags: {
    ...STORE_FLAGS,
    'min-replicas': { type: 'string', value: 'number', help: 'what the application sets locks.minReplicas to (default: 0)' },
    expect: { type: 'string', value: 'number', help: 'live sessions at most: is there room for so many?' },
    ...JSON_FLAG,
  },
  afterInterrupt: 'Nothing was changed.',
  async run(values, terminal) {
    const { options, findings } = auditedOptions(values, terminal, countIn(values, 'min-replicas'), COMMAND_TIMEOUT_MS);
    const outcomes: Outcome[] = [...findings];
    if (options !== undefined) {
      outcomes.push(...checkOptions(options, []), ...(await examine(options, countIn(values, 'expect'), terminal.signal)));
    }
    terminal.signal.throwIfAborted();
    const report = reportOf(outcomes);
    const redis = options && describeAddress(options.redis);
    const ok = report.findings.every(({ severity }) => severity !== 'error');
    terminal.out.write(isSet(values, 'json') ? `${JSON.stringify({ ok, redis, ...report })}\n` : told(report, redis));
    return ok ? HEALTHY : FOUND_ERRORS;
  },
};

function countIn(values: Values, flag: string): number | undefined {
  const text = textOf(values, flag);
  if (text === undefined) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new UsageError(`--${flag} must be a number`);
  return Number(text);
}

function told({ findings, unknown }: AuditReport, redis: string | undefined): string {
  const paragraphs = [
    ...(redis === undefined ? [] : [`Redis at ${redis}`]),
    ...findings.map(inWords),
    ...(unknown.length === 0 ? [] : [`not known: ${unknown.map(({ code, reason }) => `${code} (${reason})`).join(', ')}`]),
    findings.length === 0 ? 'Nothing is wrong.' : `${counted(findings)}. What each means: docs/audit.md.`,
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

const NAMES = { error: 'error', warning: 'warning', info: 'note' } as const;

function inWords({ code, severity, path, message, advice }: AuditFinding): string {
  return `${NAMES[severity]}: ${code}${path === undefined ? '' : ` (${path})`}\n  ${message}\n  → ${advice}`;
}

function counted(findings: readonly AuditFinding[]): string {
  const counts = (['error', 'warning', 'info'] as const).map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? '' : `${count} ${NAMES[severity]}${count === 1 ? '' : 's'}`;
  });
  return counts.filter((text) => text !== '').join(', ');
}
