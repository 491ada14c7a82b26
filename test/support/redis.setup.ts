import { mkdtemp, readdir, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import { startRedis } from '../../lib/testing/index.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** One private server for the whole run; each test file keeps to a key prefix of its own. */
    redisUrl: string;
  }
}

/** Installs the server program where there is none, before any worker asks for it; starts the shared server; sees at the end that no server is left. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Every server that a test starts has its directory in here, which makes those left behind easy to tell from other people's.
  const base = tmpdir();
  const directory = await realpath(await mkdtemp(join(base, 'suite-')));
  process.env['TMPDIR'] = directory;
  const redis = await startRedis();
  project.provide('redisUrl', redis.url);
  return async () => {
    await redis.stop();
    process.env['TMPDIR'] = base;
    const left = await serversLeft(directory);
    if (left.length > 0) {
      // An exception here is told, but alone does not fail the run.
      process.exitCode = 1;
      throw new Error(`servers left behind by tests: ${left.join(', ')}`);
    }
    await rm(directory, { recursive: true, force: true });
  };
}

/** Those that are still there after the time which a server gets to follow the process that started it. */
async function serversLeft(directory: string): Promise<string[]> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const directories = (await readdir(directory)).filter((name) => name.startsWith('redis-'));
    const left = [...directories, ...(await processesIn(directory))];
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(50);
  }
}

async function processesIn(directory: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (cwd.startsWith(`${directory}/redis-`)) found.push(`pid ${pid}`);
  }
  return found;
}
