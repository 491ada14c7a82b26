import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, ROOT } from './mutant.js';

/** What became of a mutant: `void` where it is no program, so that it says nothing of the tests. */
export type Outcome = 'killed' | 'hung' | 'survived' | 'void';

export interface Verdict {
  readonly outcome: Outcome;
  /** The first test that failed. */
  readonly by: string | undefined;
  /** All that was said. */
  readonly output: string;
}

/** As it is where the machine is too busy, and as well where the mutant keeps Redis for ever. */
const OUT_OF_TIME = /did not answer in time|Test timed out|Hook timed out/;

const NO_PROGRAM = /Error compiling script|Transform failed|PARSE_ERROR/;

/** Runs the specs against lib/ with the mutant in it, or as it is, in a process of its own that has so long for it. */
export async function tryOut(mutant: Mutant | undefined, specs: readonly string[], limitMs: number): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), 'mutant-'));
  try {
    const text = join(directory, 'mutant.ts');
    if (mutant !== undefined) await writeFile(text, mutant.text);
    const env = { ...inherited(), MUTANT_SPECS: specs.join(' '), ...(mutant && { MUTANT_FILE: mutant.file, MUTANT_TEXT: text }) };
    let { code, output } = await runVitest(specs, env, limitMs);
    if (OUT_OF_TIME.test(output)) ({ code, output } = await runVitest(specs, env, limitMs));
    if (code === null) return { outcome: 'hung', by: undefined, output };
    if (mutant !== undefined && !output.includes('MUTANT LOADED'))
      throw new Error(`no spec loads ${mutant.file}: ${specs.join(' ')}\n${output}`);
    if (code === 0) return { outcome: 'survived', by: undefined, output };
    return { outcome: NO_PROGRAM.test(output) ? 'void' : 'killed', by: / FAIL +(.+)/.exec(output)?.[1], output };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Without what this run of vitest tells its own workers. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^VITEST|^MUTANT|^NODE_V8|^DEBUG$/.test(name)));
}

async function runVitest(
  specs: readonly string[],
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<{ code: number | null; output: string }> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--config', 'test/mutation/mutated.config.ts', '--reporter=dot', '--no-color', ...specs];
  // a group of its own, so that a worker that no longer listens ends with it
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    process.kill(-child.pid!, 'SIGKILL');
  }, limitMs);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(timer);
  return { code: isLate ? null : (code ?? 1), output };
}
