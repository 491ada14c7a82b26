import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const { devDependencies: pinned } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
};

const nest12 = pick('@nestjs/common', '@nestjs/core', '@nestjs/platform-express');
const nest11 = {
  '@nestjs/common': '11.2.10',
  '@nestjs/core': '11.2.10',
  '@nestjs/platform-express': '11.2.10',
};

/** An application as a user has it: compiled by TypeScript against the installed package, run by plain Node. */
describe.each([
  { name: 'Nest 12, ESM', type: 'module', nest: nest12 },
  { name: 'Nest 12, CommonJS', type: 'commonjs', nest: nest12 },
  { name: 'Nest 11, CommonJS', type: 'commonjs', nest: nest11 },
])('$name', ({ type, nest }) => {
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'redis-auth-app-'));
    const dependencies = {
      ...nest,
      ...pick('@types/node', 'ioredis', 'passport', 'reflect-metadata', 'rxjs'),
      'nestjs-redis-auth': `file:${inject('tarball')}`,
    };
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'app', private: true, type, dependencies }));
    copyFileSync(join(import.meta.dirname, 'app.ts'), join(dir, 'app.ts'));
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: dir });
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('compiles, boots, signs in, guards, refreshes, logs out, and exits by itself', async () => {
    const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const options =
      '--module nodenext --target es2023 --types node --strict --skipLibCheck --experimentalDecorators --emitDecoratorMetadata';
    const compiled = await run(process.execPath, [compiler, ...options.split(' '), 'app.ts'], { cwd: dir }).catch(
      (error: unknown) => error,
    );
    expect(compiled).toMatchObject({ stdout: '' });
    expect(/\brequire\("@nestjs\/common"\)/.test(readFileSync(join(dir, 'app.js'), 'utf8'))).toBe(type === 'commonjs');

    const played = await run(process.execPath, ['app.js'], { cwd: dir, timeout: 60_000 }).catch((error: unknown) => error);
    expect(played).toMatchObject({ stdout: expect.stringMatching(/^all as it should be$/m) as string, stderr: '' });
  });

  it('has the command-line tool', async () => {
    const tool = join(dir, 'node_modules/.bin/nestjs-redis-auth');
    const { stdout } = await run(tool, ['--help'], { cwd: dir });
    expect(stdout).toContain('Usage: nestjs-redis-auth <command>');
    const wrong = await run(tool, ['migrat'], { cwd: dir }).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ code: 2 });
  });
});

function pick(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, pinned[name]!]));
}
