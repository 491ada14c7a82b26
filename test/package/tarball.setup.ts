import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the packed package. */
    tarball: string;
    /** Paths of the files in it. */
    tarballFiles: string[];
  }
}

/** Packs what was built, once for all files. */
export default function pack(project: TestProject): () => void {
  const dir = mkdtempSync(join(tmpdir(), 'redis-auth-tarball-'));
  const told = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { encoding: 'utf8' });
  const [packed] = JSON.parse(told) as [{ filename: string; files: { path: string }[] }];
  project.provide('tarball', join(dir, packed.filename));
  project.provide(
    'tarballFiles',
    packed.files.map((file) => file.path),
  );
  return () => rmSync(dir, { recursive: true, force: true });
}
