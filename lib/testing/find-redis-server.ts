import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from './cache-directory.js';
import { containerProgram, installRedisServer, unpackedProgram } from './install-redis-server.js';
import { withLock } from './lock-file.js';

const run = promisify(execFile);

/** A redis-server or valkey-server that can be started here. */
export interface RedisServerProgram {
  /** Absolute path of the executable. */
  command: string;
  /** As it tells itself, `7.0.15`. */
  version: string;
  /** Environment it needs. */
  env: NodeJS.ProcessEnv;
}

let found: Promise<RedisServerProgram> | undefined;

/**
 * Finds a server program of Redis 7.0 or Valkey 7.2 or later, and installs one where there is none.
 *
 * Looked for in this order: `redis-server` and `valkey-server` on the PATH; what an earlier call unpacked into the
 * user's cache directory; Debian's or Ubuntu's package, installed as root (its service is not started) or, without
 * root, unpacked into the cache directory; Homebrew's; on Linux Docker's `redis:7-alpine`. An installation takes seconds and is announced by a line on
 * stderr; concurrent processes wait for the first one's. The answer is kept for the life of this process.
 *
 * @throws Error that lists what was tried, why it failed, and what to do
 */
export function findRedisServer(): Promise<RedisServerProgram> {
  found ??= find().catch((error: unknown) => {
    found = undefined;
    throw error;
  });
  return found;
}

async function find(): Promise<RedisServerProgram> {
  const there = await programThere();
  if (there) return there;
  return withLock(join(await cacheDirectory(), 'install.lock'), async () => {
    const meanwhile = await programThere();
    if (meanwhile) return meanwhile;
    const failures = await installRedisServer(async () => (await programThere()) !== undefined);
    const installed = await programThere();
    if (installed) return installed;
    throw new Error(
      [
        'there is no redis-server 7.0 (or valkey-server 7.2) or later on the PATH, and none could be installed:',
        ...failures.map((failure) => `  - ${failure}`),
        'Install one (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or put its directory on the PATH.',
      ].join('\n'),
    );
  });
}

async function programThere(): Promise<RedisServerProgram | undefined> {
  // Where Homebrew puts it; a PATH set before its installation lacks them.
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/opt/homebrew/bin', '/usr/local/bin'].filter(Boolean);
  for (const name of ['redis-server', 'valkey-server']) {
    for (const directory of directories) {
      const program = await usable(join(directory, name), process.env);
      if (program) return program;
    }
  }
  const cache = await cacheDirectory();
  const { command, env } = unpackedProgram(cache);
  return (await usable(command, env)) ?? (await usable(containerProgram(cache), process.env));
}

/** The program at this path, if it runs and is recent enough. Valkey counts on from Redis 7.2. */
async function usable(command: string, env: NodeJS.ProcessEnv): Promise<RedisServerProgram | undefined> {
  try {
    await access(command, constants.X_OK);
    const { stdout } = await run(command, ['--version'], { env });
    const version = /v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (version === undefined || Number.parseInt(version, 10) < 7) return undefined;
    return { command, version, env };
  } catch {
    return undefined;
  }
}
