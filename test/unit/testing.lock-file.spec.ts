import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withLock } from '../../lib/testing/lock-file.js';
import { until } from '../support/until.js';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'));
  file = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** As if nobody had touched it for long. */
function age(path: string): Promise<void> {
  return utimes(path, 0, 0);
}

describe('withLock', () => {
  it('lets in one at a time, and everyone in the end', async () => {
    let inside = 0;
    let most = 0;
    const enter = (): Promise<void> =>
      withLock(file, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      });
    await Promise.all([enter(), enter(), enter()]);
    expect(most).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  it('opens when the critical part fails', async () => {
    await expect(withLock(file, () => Promise.reject(new Error('inside')))).rejects.toThrow('inside');
    expect(existsSync(file)).toBe(false);
  });

  it('takes over from a process that died, whatever it left in the file', async () => {
    await writeFile(file, '');
    await age(file);
    expect(await withLock(file, async () => 'in')).toBe('in');
    expect(await readdir(directory)).toEqual([]);
  });

  it('lets in one at a time where several find the lock of a process that died', async () => {
    let inside = 0;
    let most = 0;
    await writeFile(file, String(process.pid));
    await age(file);
    const enter = (): Promise<void> =>
      withLock(file, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      });
    await Promise.all(Array.from({ length: 8 }, enter));
    expect(most).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });

  it('says what it waits for, and keeps its own lock fresh', async () => {
    let waiting: Promise<string> | undefined;
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      await withLock(file, async () => {
        await age(file);
        await until(async () => Date.now() - (await stat(file)).mtimeMs < 5_000);
        waiting = withLock(file, async () => 'in');
        await until(() => said.mock.calls.some(([text]) => String(text).includes(`waiting for another process, which holds ${file}`)));
      });
      expect(await waiting).toBe('in');
    } finally {
      said.mockRestore();
    }
  });

  it('leaves a lock alone that was taken from it', async () => {
    await withLock(file, async () => {
      await rm(file);
      await writeFile(file, '');
    });
    expect(existsSync(file)).toBe(true);
  });
});
