import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRunning } from '../support/is-running.js';
import { until } from '../support/until.js';

const SOURCES = new URL('../../lib/testing/', import.meta.url);

let directory: string;

/** The package's own files, as plain JavaScript, for processes that a test can end in any way. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orphans-'));
  await mkdir(join(directory, 'testing'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  for (const name of await readdir(SOURCES)) {
    const source = await readFile(new URL(name, SOURCES), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    await writeFile(join(directory, 'testing', name.replace(/\.ts$/, '.js')), ts.transpileModule(source, { compilerOptions }).outputText);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Servers {
  parent: ChildProcess;
  servers: { pid: number; socketPath: string }[];
}

/** A process of its own that does `first`, starts two servers, says where they are, and then does `what`. */
async function parentOfTwo(what: string, first = ''): Promise<Servers> {
  const script = `
    import { startRedis } from ${JSON.stringify(join(directory, 'testing', 'index.js'))};
    ${first}
    const servers = [await startRedis(), await startRedis({ port: 'tcp' })];
    console.log(JSON.stringify(servers.map(({ pid, socketPath }) => ({ pid, socketPath }))));
    ${what}`;
  // A process group of its own, to which a signal is sent as a terminal does at Ctrl-C.
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  return { parent, servers: JSON.parse(line) as Servers['servers'] };
}

const STAYS = 'setInterval(() => undefined, 1_000);';

describe('servers whose process ends without stopping them', () => {
  it.each<[string, string, ((parent: ChildProcess) => void)?]>([
    ['by itself: they do not keep it alive', ''],
    ['by process.exit', 'process.exit(3);'],
    ['by an exception', 'throw new Error("x");'],
    ['by SIGTERM', STAYS, (parent) => void parent.kill('SIGTERM')],
    ['by SIGKILL', STAYS, (parent) => void parent.kill('SIGKILL')],
    ['by Ctrl-C', STAYS, (parent) => void process.kill(-parent.pid!, 'SIGINT')],
    ['by SIGKILL, while one is paused', `await servers[0].pause(); process.kill(process.pid, 'SIGKILL');`],
  ])('%s', async (_how, what, end) => {
    const { parent, servers } = await parentOfTwo(what);
    expect(servers).toHaveLength(2);
    if (end) {
      expect(servers.every(({ pid }) => isRunning(pid))).toBe(true);
      end(parent);
    }
    if (parent.exitCode === null && parent.signalCode === null) await once(parent, 'exit');
    await until(() => servers.every(({ pid, socketPath }) => !isRunning(pid) && !existsSync(dirname(socketPath))), {
      what: 'neither server nor directory is left',
    });
  });

  it('are there as long as it is, after a Ctrl-C that it handles', async () => {
    const { parent, servers } = await parentOfTwo(STAYS, `process.on('SIGINT', () => console.log('handled'));`);
    const handled = once(createInterface(parent.stdout!), 'line');
    process.kill(-parent.pid!, 'SIGINT');
    expect(await handled).toEqual(['handled']);
    expect(servers.every(({ pid }) => isRunning(pid))).toBe(true);
    parent.kill('SIGKILL');
    await until(() => servers.every(({ pid }) => !isRunning(pid)));
  });
});
