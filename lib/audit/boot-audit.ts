import { Logger } from '@nestjs/common';
import { RedisAuthConfigError, StoreUnavailableError, withoutArguments } from '../errors/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { describeAddress, diagnose, inWords, type RedisAuthConnection, type TroubleCode } from '../redis/index.js';
import { checkServers } from './audit.js';
import { type AuditFinding, type AuditReport, type Outcome, reportOf } from './finding.js';
import { checkOptions } from './option-checks.js';

/** It is lost, or answers nothing, again and again: then the log is full of that. */
const MOST_ATTEMPTS = 5;

const DIAGNOSED_WITHIN_MS = 2_500;

/** What the log has already said in the words of the driver's own error. */
const TOLD_BY_CONNECTION: ReadonlySet<TroubleCode> = new Set<TroubleCode>([
  'connection-refused',
  'connection-timeout',
  'connection-closed',
  'host-unknown',
  'host-unreachable',
  'no-answer',
  'sentinels-unreachable',
  'socket-denied',
  'socket-missing',
]);

/**
 * The audit of one registration: during the boot where Redis is there, else as soon as it is. It asks Redis once, and
 * what it finds is one line of the log.
 */
export class BootAudit {
  private readonly logger = new Logger('RedisAuthAudit');
  private readonly ofOptions: readonly Outcome[];

  /** @param others the registrations of the same application that came before */
  constructor(
    private readonly connection: RedisAuthConnection,
    private readonly options: ResolvedOptions,
    others: readonly ResolvedOptions[],
  ) {
    this.ofOptions = options.audit === 'off' ? [] : checkOptions(options, others);
  }

  /**
   * Settles within `commandTimeout`, whatever Redis does.
   *
   * @throws RedisAuthConfigError with `audit: 'enforce'`, which lists every finding that is an error
   */
  async run(): Promise<void> {
    if (this.options.audit === 'off') return;
    const ofServers = this.connection.isUsable ? await this.askServers() : undefined;
    if (ofServers === undefined) this.runWhenReady();
    if (!this.connection.isUsable) void this.explainOutage();
    this.tell(reportOf([...this.ofOptions, ...(ofServers ?? [])]), this.options.audit === 'enforce');
  }

  private runWhenReady(attempts = 1): void {
    const onReady = (): void => {
      this.connection.off('ready', onReady);
      void this.askServers().then((outcomes) => {
        if (outcomes !== undefined) this.tell(reportOf(outcomes), false);
        else if (this.connection.isClosed) return;
        else if (attempts < MOST_ATTEMPTS) this.runWhenReady(attempts + 1);
        else this.logger.warn('Redis could not be audited: it did not answer');
      });
    };
    this.connection.on('ready', onReady);
  }

  /** The driver says of many troubles alike that the connection was closed. */
  private async explainOutage(): Promise<void> {
    const { redis } = this.options;
    const signal = AbortSignal.any([this.connection.closed, AbortSignal.timeout(DIAGNOSED_WITHIN_MS)]);
    const trouble = await diagnose(redis, signal);
    if (trouble === undefined || TOLD_BY_CONNECTION.has(trouble.code)) return;
    if (this.connection.isUsable || this.connection.isClosed) return;
    this.logger.warn(`Redis at ${describeAddress(redis)} is not available: ${inWords(trouble)}`);
  }

  /** Undefined where they did not answer. */
  private async askServers(): Promise<Outcome[] | undefined> {
    try {
      return await checkServers(this.connection, this.options);
    } catch (error) {
      if (error instanceof StoreUnavailableError) return undefined;
      // No reason to stop an application.
      this.logger.warn(`Redis could not be audited: ${withoutArguments(error).message}`);
      return [];
    }
  }

  private tell({ findings }: AuditReport, mayRefuse: boolean): void {
    const errors = findings.filter(({ severity }) => severity === 'error');
    if (mayRefuse && errors.length > 0) throw new RedisAuthConfigError(errors.map(issueOf));
    const alarming = findings.filter(({ severity }) => severity !== 'info');
    if (alarming.length === 0) return;
    const line = `${alarming.map(inOneLine).join(' | ')} | see docs/audit.md`;
    if (this.options.audit === 'enforce' && errors.length > 0) this.logger.error(line);
    else this.logger.warn(line);
  }
}

function issueOf({ code, path, message, advice }: AuditFinding): { path: string; message: string } {
  return { path: path ?? 'redis', message: `${message}; ${advice} (${code})` };
}

function inOneLine({ code, path, message, advice }: AuditFinding): string {
  return `${code}: ${path === undefined ? '' : `${path} `}${message}; ${advice}`;
}
