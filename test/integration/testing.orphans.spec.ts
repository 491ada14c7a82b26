import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRunning } from '../support/is-running.js';
import { type PackageProcess, PackageProgram } from '../support/package-program.js';
import { until } from '../support/until.js';

/** Does `first`, starts two servers, says where they are, and then does `what`. */
const PROGRAM = `
  import { startRedis } from './lib/testing/index.js';
  const { first, what } = JSON.parse(process.argv[2]);
  const run = (code, servers) => new (async () => {}).constructor('servers', code)(servers);
  await run(first);
  const servers = [await startRedis(), await startRedis({ port: 'tcp' })];
  console.log(JSON.stringify(servers.map(({ pid, socketPath }) => ({ pid, socketPath }))));
  await run(what, servers);
`;

let program: PackageProgram;
beforeAll(async () => {
  program = await PackageProgram.write(PROGRAM);
});
afterAll(() => program[Symbol.asyncDispose]());

interface Servers {
  parent: PackageProcess;
  servers: { pid: number; socketPath: string }[];
}

/** A process of its own, in a group of its own, to which a signal is sent as a terminal does at Ctrl-C. */
async function parentOfTwo(what: string, first = ''): Promise<Servers> {
  const parent = program.start({ first, what }, { detached: true, stderr: 'ignore' });
  return { parent, servers: JSON.parse(await parent.hear()) as Servers['servers'] };
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
    const { child } = parent;
    expect(servers).toHaveLength(2);
    if (end) {
      expect(servers.every(({ pid }) => isRunning(pid))).toBe(true);
      end(child);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await until(() => servers.every(({ pid, socketPath }) => !isRunning(pid) && !existsSync(dirname(socketPath))), {
      what: 'neither server nor directory is left',
    });
  });

  it('are there as long as it is, after a Ctrl-C that it handles', async () => {
    const { parent, servers } = await parentOfTwo(STAYS, `process.on('SIGINT', () => console.log('handled'));`);
    process.kill(-parent.child.pid!, 'SIGINT');
    expect(await parent.hear()).toBe('handled');
    expect(servers.every(({ pid }) => isRunning(pid))).toBe(true);
    parent.child.kill('SIGKILL');
    await until(() => servers.every(({ pid }) => !isRunning(pid)));
  });
});
