import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMPILER_OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

/** How a process is started. */
export interface ProcessOptions {
  /** @default 'inherit' */
  stderr?: 'inherit' | 'pipe' | 'ignore';
  /** @default false */
  detached?: boolean;
}

/** A piece of the source that is replaced by another; it must be there exactly once. */
export interface Edit {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** What a program consists of beside the package. */
export interface ProgramParts {
  /** Modules and folders of them, by their paths from the root of the repository: they lie where they lie there. */
  readonly also?: readonly string[];
  readonly edits?: readonly Edit[];
}

/** The package as plain JavaScript, for processes of their own. */
export class PackageProgram implements AsyncDisposable {
  private readonly running = new Set<ChildProcess>();

  private constructor(private readonly directory: string) {}

  /**
   * @param source an ES module; it imports the package as `./lib/…` and its dependencies by name
   * @throws Error for an edit whose text is not there, or more than once
   */
  static async write(source: string, { also = [], edits = [] }: ProgramParts = {}): Promise<PackageProgram> {
    const directory = await mkdtemp(join(tmpdir(), 'program-'));
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
    const files = (await Promise.all(['lib', ...also].map(modulesIn))).flat();
    for (const { file } of edits) if (!files.includes(file)) throw new Error(`${file} is no part of the program`);
    for (const file of files) {
      const text = edited(file, await readFile(join(ROOT, file), 'utf8'), edits);
      const target = join(directory, file.replace(/\.ts$/, '.js'));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, transpiled(text));
    }
    await writeFile(join(directory, 'program.js'), source);
    return new PackageProgram(directory);
  }

  /** Starts a process, at will in a group of its own; `argument` is its `process.argv[2]` as JSON. It speaks in lines. */
  start(argument: unknown, { stderr = 'inherit', detached = false }: ProcessOptions = {}): PackageProcess {
    const [program, ...args] = this.commandLine(argument);
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', stderr],
      detached,
    });
    this.running.add(child);
    return new PackageProcess(child);
  }

  /** For a shell: program and arguments that start a process. */
  commandLine(argument: unknown): [program: string, ...args: string[]] {
    return [process.execPath, join(this.directory, 'program.js'), JSON.stringify(argument)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class PackageProcess {
  private readonly lines: AsyncIterator<string>;

  constructor(readonly child: ChildProcess) {
    this.lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  }

  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  /** The next line that it writes. */
  async hear(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error('the process ended early');
    return value as string;
  }
}

/** By their text, since one process may write many programs that differ by a line. */
const outputs = new Map<string, string>();

function transpiled(text: string): string {
  let output = outputs.get(text);
  if (output === undefined) {
    output = ts.transpileModule(text, { compilerOptions: COMPILER_OPTIONS }).outputText;
    outputs.set(text, output);
  }
  return output;
}

/** Paths of a module, or of all in a folder. */
async function modulesIn(path: string): Promise<string[]> {
  if (path.endsWith('.ts')) return [path];
  const names = await readdir(join(ROOT, path), { recursive: true });
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(path, name));
}

function edited(file: string, text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const edit of edits) {
    if (edit.file !== file) continue;
    const pieces = result.split(edit.find);
    if (pieces.length !== 2) throw new Error(`${file} has ${pieces.length - 1} times, not once: ${edit.find}`);
    result = pieces.join(edit.replace);
  }
  return result;
}
