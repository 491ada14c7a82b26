import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from './cache-directory.js';

const execute = promisify(execFile);

/** One way to a server program. */
interface Route {
  name: string;
  /** Why it is no way here; undefined where it is one. */
  obstacle: () => string | undefined;
  install: () => Promise<void>;
}

const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
/** Something else may be installing. */
const PATIENT = ['-o', 'DPkg::Lock::Timeout=300'];
const POLICY = '/usr/sbin/policy-rc.d';

const ROUTES: readonly Route[] = [
  {
    name: 'apt-get install redis-server',
    obstacle: () => missing('apt-get') ?? (process.getuid?.() === 0 ? undefined : 'needs root'),
    install: aptInstall,
  },
  { name: 'apt-get download and dpkg -x', obstacle: () => missing('apt-get') ?? missing('dpkg'), install: aptUnpack },
  { name: 'brew install redis', obstacle: () => missing('brew'), install: () => run('brew', ['install', 'redis']) },
  {
    name: 'docker pull redis',
    obstacle: () =>
      missing('docker') ?? (process.platform === 'linux' ? undefined : 'a container shares sockets and processes on Linux only'),
    install: dockerPull,
  },
];

/** Goes the ways that there are until `succeeded`; returns what kept each of the others. */
export async function installRedisServer(succeeded: () => Promise<boolean>): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, obstacle, install } of ROUTES) {
    const reason = obstacle();
    if (reason !== undefined) {
      failures.push(`${name}: ${reason}`);
      continue;
    }
    process.stderr.write(`nestjs-redis-auth/testing: no redis-server found, trying: ${name}\n`);
    try {
      await install();
      if (await succeeded()) return failures;
      failures.push(`${name}: installed none of a version that will do`);
    } catch (error) {
      failures.push(`${name}: ${lastLine(error)}`);
    }
  }
  return failures;
}

const IMAGE = 'redis:7-alpine';

/** A container without walls: the same directory, user, network and processes as a program that is started here. */
const DOCKER_RUN = `#!/bin/sh
exec docker run --rm --network host --pid host --user "$(id -u):$(id -g)" --volume "$PWD:$PWD" --workdir "$PWD" ${IMAGE} redis-server "$@"
`;

/** Where {@link dockerPull} puts a program that runs the server in a container. */
export function containerProgram(cache: string): string {
  return join(cache, 'redis-server-in-docker');
}

/** Where {@link aptUnpack} puts the program, and the libraries that it brought along. */
export function unpackedProgram(cache: string): { command: string; env: NodeJS.ProcessEnv } {
  const root = join(cache, 'redis-server');
  const libraries = join(root, 'usr', 'lib');
  const directories = existsSync(libraries) ? readdirSync(libraries).map((name) => join(libraries, name)) : [];
  return {
    command: join(root, 'usr', 'bin', 'redis-server'),
    env: { ...process.env, LD_LIBRARY_PATH: [libraries, ...directories].join(':') },
  };
}

/** Installs the package for everyone, without starting its service. */
async function aptInstall(): Promise<void> {
  const install = (): Promise<void> => run('apt-get', [...PATIENT, 'install', '-y', '--no-install-recommends', 'redis-server']);
  const ours = !existsSync(POLICY);
  if (ours) await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install().catch(async () => {
      await run('apt-get', [...PATIENT, 'update']);
      await install();
    });
  } finally {
    if (ours) await rm(POLICY, { force: true });
  }
}

/** Unpacks the package and what it needs beyond what is installed; nothing outside of the cache directory changes. */
async function aptUnpack(): Promise<void> {
  const cache = await cacheDirectory();
  const work = await mkdtemp(join(cache, 'unpacking-'));
  await mkdir(join(work, 'lists', 'partial'), { recursive: true });
  await mkdir(join(work, 'archives', 'partial'), { recursive: true });
  try {
    await download(work, []).catch(async () => {
      // A machine that never ran `apt-get update` has no lists; those of this user need no root.
      const own = ['-o', `Dir::State::lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${work}`, '-o', 'APT::Sandbox::User='];
      await run('apt-get', [...own, 'update']);
      await download(work, own);
    });
    const packages = (await readdir(work)).filter((name) => name.endsWith('.deb'));
    for (const name of packages) await run('dpkg', ['-x', join(work, name), join(work, 'root')]);
    await rm(join(cache, 'redis-server'), { recursive: true, force: true });
    await rename(join(work, 'root'), join(cache, 'redis-server'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function dockerPull(): Promise<void> {
  await run('docker', ['pull', IMAGE]);
  await writeFile(containerProgram(await cacheDirectory()), DOCKER_RUN, { mode: 0o700 });
}

async function download(directory: string, options: readonly string[]): Promise<void> {
  const { stdout } = await execute('apt-get', [...options, '--simulate', '--no-install-recommends', 'install', 'redis-server'], {
    env: { ...process.env, ...APT_ENV },
  });
  const absent = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
  const packages = new Set(['redis-server', 'redis-tools', ...absent]);
  await run('apt-get', [...options, 'download', ...packages], directory);
}

async function run(command: string, args: readonly string[], cwd?: string): Promise<void> {
  await execute(command, args, { env: { ...process.env, ...APT_ENV }, maxBuffer: 64 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) });
}

function missing(program: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(':').filter(Boolean);
  return directories.some((directory) => existsSync(join(directory, program))) ? undefined : `there is no ${program} here`;
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr?.trim() || message || String(error)).split('\n').at(-1)!;
}
