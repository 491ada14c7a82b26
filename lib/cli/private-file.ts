import { open, rename, rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UsageError } from './command.js';

/** For its user alone. */
const MODE = 0o600;

/** A file that nobody else can read, from its first byte on, and that is there when it is complete. */
export const PrivateFile = {
  /** Writes beside an earlier file of that name and takes its place at the end. */
  async write(path: string, text: Readable, signal: AbortSignal): Promise<void> {
    const present = await stat(path).catch(() => undefined);
    if (present !== undefined && !present.isFile()) throw new UsageError(`${path} is not a file`);
    const partial = `${path}.part`;
    await rm(partial, { force: true });
    const handle = await open(partial, 'wx', MODE);
    try {
      await pipeline(text, handle.createWriteStream(), { signal });
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  },
};
