import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const groups = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, group]) => group!);

const dockerfile = read('sample/Dockerfile');
const compose = read('docker-compose.yml');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

describe('the image of the sample', () => {
  it('copies files that there are, and all that its build reads', () => {
    const copied = groups(dockerfile, /^COPY (.+) \S+$/gm).flatMap((sources) => sources.split(' '));
    expect(copied).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'lib', 'sample']));
    expect(copied.filter((source) => !existsSync(join(root, source)))).toEqual([]);
    const configuration = /-p (\S+\.json)/.exec(scripts['build:sample']!)![1]!;
    expect(copied).toEqual(expect.arrayContaining([configuration, ...groups(read(configuration), /"extends": "\.\/(.+)"/g)]));
  });

  it('runs scripts that there are, and starts what they build', () => {
    const ran = groups(dockerfile, /npm run (\S+)/g);
    expect(ran).toEqual(['build:sample']);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(ran));
    const [, directory, program] = /CMD \["node", "([^/"]+)\/([^"]+)\.js"\]/.exec(dockerfile)!;
    expect(scripts['build:sample']! + read('tsconfig.sample.json')).toContain(directory);
    expect(existsSync(join(root, 'sample', `${program}.ts`))).toBe(true);
  });
});

describe('docker-compose.yml', () => {
  it('builds from a file that there is, and depends on services that it has', () => {
    const services = groups(compose, /^ {2}(\w+):$/gm);
    expect(services).toEqual(['redis', 'sample']);
    expect(groups(compose, /dockerfile: (\S+)/g)).toEqual(['sample/Dockerfile']);
    const [, block] = /depends_on:\n((?: {6,}.*\n)+)/.exec(compose)!;
    expect(groups(block!, /^ {6}(\w+):$/gm)).toEqual(['redis']);
    expect(compose).toContain('redis://redis:6379');
  });

  it('says what the sample reads from its environment', () => {
    const [, block] = /environment:\n((?: {6}.*\n)+)/.exec(compose)!;
    expect(groups(block!, /^ {6}(\w+):/gm)).toEqual(['REDIS_URL', 'HOST']);
    for (const name of ['REDIS_URL', 'HOST']) expect(read('sample/start.ts')).toContain(`process.env.${name}`);
  });
});
