import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

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

/**
 * The server program on the PATH: the first redis-server (7.0 or later) or valkey-server; undefined where there
 * is none that this package works with.
 */
export async function redisServerOnPath(path = process.env['PATH'] ?? ''): Promise<RedisServerProgram | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const directory of path.split(delimiter).filter(Boolean)) {
      const program = await usableProgram(join(directory, name));
      if (program) return program;
    }
  }
  return undefined;
}

/** The program at this path, if it runs and is Redis 7 or Valkey 7.2 or later. */
export async function usableProgram(command: string, env: NodeJS.ProcessEnv = process.env): Promise<RedisServerProgram | undefined> {
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

/** Finds the server program. */
export async function findRedisServer(): Promise<RedisServerProgram> {
  const program = await redisServerOnPath();
  if (!program) throw new Error('no redis-server 7.0 or later, nor valkey-server 7.2 or later, is on the PATH: install one');
  return program;
}
