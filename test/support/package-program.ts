import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** How a process is started. */
export interface ProcessOptions {
  /** @default 'inherit' */
  stderr?: 'inherit' | 'pipe' | 'ignore';
  /** @default false */
  detached?: boolean;
}

/** The package as plain JavaScript, for processes of their own. */
export class PackageProgram implements AsyncDisposable {
  private readonly running = new Set<ChildProcess>();

  private constructor(private readonly directory: string) {}

  /** @param source an ES module; it imports the package as `./lib/…` and its dependencies by name */
  static async write(source: string): Promise<PackageProgram> {
    const directory = await mkdtemp(join(tmpdir(), 'program-'));
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
    for (const name of await readdir(join(ROOT, 'lib'), { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const { outputText } = ts.transpileModule(await readFile(join(ROOT, 'lib', name), 'utf8'), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
          experimentalDecorators: true,
          emitDecoratorMetadata: true,
        },
      });
      const file = join(directory, 'lib', name.replace(/\.ts$/, '.js'));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, outputText);
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
