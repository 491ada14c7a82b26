import { lstat, mkdir } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Where this package keeps what it unpacked: the user's cache, or, for a user without a home, a directory below /tmp. */
export async function cacheDirectory(): Promise<string> {
  const candidates = [
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nestjs-redis-auth'),
    join(tmpdir(), `nestjs-redis-auth-${userInfo().uid}`),
  ];
  for (const directory of candidates) {
    if (await isOurs(directory)) return directory;
  }
  throw new Error(`none of these can be written by this user: ${candidates.join(', ')}`);
}

/** Programs are run from there: a directory that another user laid out in /tmp must not be taken for ours. */
async function isOurs(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = await lstat(directory);
    return uid === userInfo().uid && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}
