import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCHED_EVERY_MS = 1_000;
/** Many touches: the holder's machine may be busy. */
const STALE_AFTER_MS = 10_000;

/**
 * Runs `critical` while no other process that uses the same file does, and says on stderr when it has to wait. The
 * holder touches the file each second; one that has not been touched for 10 s is of a process that died, and is taken over.
 */
export async function withLock<T>(file: string, critical: () => Promise<T>): Promise<T> {
  const lock = await take(file);
  // By its handle, as it may have been taken over meanwhile.
  const touching = setInterval(() => void lock.utimes(new Date(), new Date()).catch(() => undefined), TOUCHED_EVERY_MS);
  try {
    return await critical();
  } finally {
    clearInterval(touching);
    if (await isSame(lock, file)) await rm(file, { force: true });
    await lock.close();
  }
}

async function take(file: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(file, 'wx');
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    if (await isStale(file)) {
      await putAside(file);
      continue;
    }
    if (attempt === 1) process.stderr.write(`nestjs-redis-auth/testing: waiting for another process, which holds ${file}\n`);
    await sleep(100);
  }
}

/** Moves a stale lock away; a fresh one, by which another waiter has just replaced it, is put back. */
async function putAside(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if (!(await isStale(aside))) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

async function isStale(file: string): Promise<boolean> {
  const found = await statIfThere(file);
  return found !== undefined && Date.now() - found.mtimeMs > STALE_AFTER_MS;
}

async function isSame(lock: FileHandle, file: string): Promise<boolean> {
  const [ours, found] = await Promise.all([lock.stat(), statIfThere(file)]);
  return ours.ino === found?.ino;
}

async function statIfThere(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
