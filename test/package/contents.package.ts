import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const files = inject('tarballFiles');
const dist = files.filter((file) => file.startsWith('dist/'));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
};

describe('the tarball', () => {
  it('holds the build and the documents, and nothing else', () => {
    const documents = ['CHANGELOG.md', 'GUARANTEES.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'];
    expect(files.filter((file) => !file.startsWith('dist/')).toSorted()).toEqual(documents);
    expect(dist.filter((file) => !/\.(js|d\.ts|js\.map)$/.test(file))).toEqual([]);
    expect(dist.filter((file) => /\b(spec|test)\.|\/(test|sample|bench)\//.test(file))).toEqual([]);
  });

  it('has every target of its exports', () => {
    const targets = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : [entry.types, entry.default],
    );
    expect(targets.map((target) => target.slice('./'.length)).filter((target) => !files.includes(target))).toEqual([]);
  });

  it('has source maps that carry their sources', () => {
    const scripts = dist.filter((file) => file.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(10);
    for (const script of scripts) {
      const map = /\/\/# sourceMappingURL=(.+)\s*$/.exec(read(script))?.[1];
      expect(map, script).toBe(`${basename(script)}.map`);
      const { sources, sourcesContent = [] } = JSON.parse(read(join(dirname(script), `${map}`))) as {
        sources: string[];
        sourcesContent?: string[];
      };
      expect(sourcesContent, script).toHaveLength(sources.length);
    }
  });

  it('imports Node, its peers and itself only', () => {
    const known = new Set(['nestjs-redis-auth', ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })]);
    const named = (file: string) => [...read(file).matchAll(/(?:\bfrom |^import |\bimport\()['"]([^'"\n]+)['"]/gm)];
    const foreign = dist
      .filter((file) => !file.endsWith('.map'))
      .flatMap((file) => named(file).map((match) => ({ file, name: match[1]! })))
      .filter(({ name }) => !name.startsWith('node:') && !name.startsWith('.'))
      .filter(({ name }) => !known.has(name.split('/', name.startsWith('@') ? 2 : 1).join('/')));
    expect(foreign).toEqual([]);
  });

  it('closes everything but its exports', () => {
    const require = createRequire(join(root, 'package.json'));
    expect(existsSync(join(root, 'dist/redis/index.js'))).toBe(true);
    for (const inner of ['dist/index.js', 'dist/redis/index.js', 'redis', 'lib/index.ts']) {
      expect(() => require.resolve(`nestjs-redis-auth/${inner}`)).toThrow(
        expect.objectContaining({ code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }) as Error,
      );
    }
  });
});
