import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { type RedisConnection, resolveOptions } from '../../lib/options/index.js';
import { type ConnectionSettings, RedisAuthConnection } from '../../lib/redis/index.js';
import { testOptions } from './sessions.js';
import { settledIn } from './settled-in.js';

/** For where no time is measured: a busy machine takes long to connect. */
export const PATIENT: Partial<ConnectionSettings> = { commandTimeoutMs: 5_000 };

/** Closed at the end of an `await using` block. */
export class ConnectionUnderTest extends RedisAuthConnection implements AsyncDisposable {
  /** Everything that happened to the connection, in order. */
  readonly seen: string[] = [];

  constructor(redis: RedisConnection, settings: Partial<ConnectionSettings> = {}) {
    super(resolveOptions(testOptions({ redis })).redis, { commandTimeoutMs: 500, ...settings });
    for (const event of ['connected', 'ready', 'disconnected'] as const) this.on(event, () => this.seen.push(event));
    this.on('error', (error) => this.seen.push(`error: ${error.message}`));
  }

  static async open(redis: RedisConnection, settings?: Partial<ConnectionSettings>): Promise<ConnectionUnderTest> {
    const connection = new ConnectionUnderTest(redis, settings);
    await connection.open();
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Takes the place of Nest's log; what was written, one text per line. */
export function captureLog(): string[] {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (...parts: unknown[]): void =>
      void lines.push(`${level}: ${parts.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 10 }))).join(' ')}`);
  Logger.overrideLogger({
    log: write('log'),
    warn: write('warn'),
    error: write('error'),
    debug: write('debug'),
    verbose: write('verbose'),
  });
  return lines;
}

/** The rejection of a promise, and how long it took as {@link settledIn} has it; fails where it resolves. */
export async function rejection(call: () => Promise<unknown>): Promise<{ error: Error; ms: number }> {
  const { error, result, ms } = await settledIn(call);
  if (error === undefined) throw new Error(`resolved with ${inspect(result)} instead of rejecting`);
  return { error: error as Error, ms };
}
