import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from '../../lib/testing/lock-file.js';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'));
  file = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

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

  it('takes over from a process that died', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(file, String(pid));
    expect(await withLock(file, async () => 'in')).toBe('in');
  });
});
