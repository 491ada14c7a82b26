import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { run } from '../../lib/cli/run.js';
import { PackageProgram } from './package-program.js';

const MAIN = `
const { args, env } = JSON.parse(process.argv[2]);
process.argv.splice(2, 1, ...args);
for (const name of ['REDIS_URL', 'SOURCE_REDIS_URL', 'REDIS_KEY_PREFIX', 'REDIS_AUTH_SECRET', 'JWT_SECRET']) delete process.env[name];
Object.assign(process.env, env);
await import('./lib/cli/main.js');
`;

/** What the command-line tool said, and how it ended. */
export interface CliOutcome {
  code: number | null;
  out: string;
  err: string;
}

export interface CliOptions {
  env?: Record<string, string>;
  /** What it reads from standard input. @default nothing */
  input?: string;
}

/** The tool within this process, which is quicker; neither what this process was given nor where it writes has to do with it. */
export async function runHere(args: readonly string[], { env = {}, input = '' }: CliOptions = {}): Promise<CliOutcome> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const written = Promise.all([text(stdout), text(stderr)]);
  const code = await run(args, { env, in: stdin, out: stdout, err: stderr, signal: new AbortController().signal });
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, out, err };
}

/** One run of the tool that is under way. */
export interface CliRun {
  /** Gives it more on standard input. */
  write(text: string): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<CliOutcome>;
}

/** The command-line tool, run as a process of its own each time. */
export class CliProgram implements AsyncDisposable {
  private constructor(private readonly program: PackageProgram) {}

  static async write(): Promise<CliProgram> {
    return new CliProgram(await PackageProgram.write(MAIN));
  }

  async run(args: readonly string[], { env, input }: CliOptions = {}): Promise<CliOutcome> {
    const { child, ended } = this.spawn(args, env);
    child.stdin!.end(input);
    return ended;
  }

  /** Leaves standard input open. */
  start(args: readonly string[], env?: Record<string, string>): CliRun {
    const { child, ended } = this.spawn(args, env);
    return { write: (text) => void child.stdin!.write(text), kill: (signal) => void child.kill(signal), ended };
  }

  /** With its output going elsewhere, as a shell has it: `> file`, or `| program`, whose failure does not count. */
  async inShell(args: readonly string[], redirection: string, env: Record<string, string> = {}): Promise<CliOutcome> {
    const line = `"$@" ${redirection}; exit \${PIPESTATUS[0]}`;
    const child = spawn('bash', ['-c', line, 'bash', ...this.program.commandLine({ args, env })], { stdio: ['ignore', 'pipe', 'pipe'] });
    return outcomeOf(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }

  private spawn(args: readonly string[], env: Record<string, string> = {}) {
    const { child } = this.program.start({ args, env }, { stderr: 'pipe' });
    // It may end without having read everything.
    child.stdin!.on('error', () => undefined);
    return { child, ended: outcomeOf(child) };
  }
}

async function outcomeOf(child: ChildProcess): Promise<CliOutcome> {
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}
