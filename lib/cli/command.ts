import type { Readable, Writable } from 'node:stream';

/** Where a command reads and writes, and when it is to end. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly in: Readable;
  readonly out: Writable;
  readonly err: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** One flag of the command line. */
export interface Flag {
  readonly type: 'string' | 'boolean';
  /** Stands for its value in the help. */
  readonly value?: string;
  readonly help: string;
}

/** What was given for the flags of a command; `undefined` or false where nothing was. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** One verb of the tool. */
export interface Command {
  readonly summary: string;
  /** What its help says besides the flags. */
  readonly about: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** Told when Ctrl-C ended it. */
  readonly afterInterrupt: string;
  /** @returns the exit code, where it is not 0 */
  run(values: Values, terminal: Terminal): Promise<number | void>;
}

/** The command line makes no sense; told without a stack, and the tool ends with 2. */
export class UsageError extends Error {}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  if (value === '') throw new UsageError(`--${name} must not be empty`);
  return typeof value === 'string' ? value : undefined;
}

export function isSet(values: Values, name: string): boolean {
  return values[name] === true;
}
