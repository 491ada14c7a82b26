import { parseArgs } from 'node:util';
import { withoutArguments } from '../errors/index.js';
import { acl } from './acl.command.js';
import { type Command, type Terminal, UsageError } from './command.js';
import { doctor } from './doctor.command.js';
import { exportCommand } from './export.command.js';
import { helpOf, overview } from './help.js';
import { importCommand } from './import.command.js';
import { migrate } from './migrate.command.js';
import { isUsage } from './places.js';
import { stats } from './stats.command.js';

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['migrate', migrate],
  ['export', exportCommand],
  ['import', importCommand],
  ['stats', stats],
  ['doctor', doctor],
  ['acl', acl],
]);

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs one command line; the exit code. */
export async function run([name, ...args]: readonly string[], terminal: Terminal): Promise<number> {
  const { out, err, signal } = terminal;
  const command = COMMANDS.get(name ?? '');
  if (command === undefined) {
    const wanted = name === '--help' || name === '-h' || name === 'help';
    (wanted ? out : err).write(overview(COMMANDS));
    return wanted ? DONE : WRONG_USAGE;
  }
  try {
    const values = parse(command, args);
    if (values['help'] !== true) return (await command.run(values, terminal)) ?? DONE;
    out.write(helpOf(name!, command));
    return DONE;
  } catch (error) {
    if (signal.aborted) {
      err.write(`Interrupted. ${command.afterInterrupt}\n`);
      return FAILED;
    }
    const usage = isUsage(error);
    err.write(`${messageOf(error)}\n${usage ? `See: nestjs-redis-auth ${name} --help\n` : ''}`);
    return usage ? WRONG_USAGE : FAILED;
  }
}

function parse({ flags }: Command, args: readonly string[]) {
  const options = Object.fromEntries(Object.entries(flags).map(([flag, { type }]) => [flag, { type }]));
  try {
    return parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean', short: 'h' } }, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(wordsOf(error), { cause: error });
  }
}

/** A stray argument may be a URL with its password, and is not repeated. */
function wordsOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL' ? 'there is an argument that belongs to no flag' : message;
}

/** What went wrong and why, without commands and what they hold. */
function messageOf(error: unknown): string {
  const { message } = withoutArguments(error);
  const cause = error instanceof Error && error.cause instanceof Error && !isUsage(error) ? withoutArguments(error.cause).message : '';
  return cause === '' || message.includes(cause) ? message : `${message} (${cause})`;
}
