import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import root from '../../vitest.config.js';
import { ROOT } from './mutant.js';

/** Runs specs against a lib/ of which one file is another: `MUTANT_FILE` is read from `MUTANT_TEXT`. Nothing is written in the tree. */
const file = process.env['MUTANT_FILE'];
const specs = (process.env['MUTANT_SPECS'] ?? '').split(' ').map((spec) => join(ROOT, spec));
const [first] = root.test?.projects ?? [];
if (typeof first !== 'object' || !('resolve' in first)) throw new Error('vitest.config.ts has no projects');

const isMutated = (id: string): boolean => file !== undefined && id === join(ROOT, file);

/** As they are given, what kills most mutants soonest first. */
class AsGiven extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => specs.indexOf(a.moduleId) - specs.indexOf(b.moduleId));
  }
}

export default defineConfig({
  root: ROOT,
  resolve: first.resolve!,
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      // the cache knows a file by its text on disk
      configureVitest({ experimental_defineCacheKeyGenerator: define }) {
        define(({ id }) => (isMutated(id) ? false : undefined));
      },
      transform(_code, id) {
        if (!isMutated(id)) return undefined;
        // so that a mutant that no spec ever loads is not taken for one that all of them let live
        process.stdout.write('MUTANT LOADED\n');
        return { code: readFileSync(process.env['MUTANT_TEXT']!, 'utf8'), map: null };
      },
    },
  ],
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    setupFiles: ['reflect-metadata'],
    testTimeout: 15_000,
    hookTimeout: 30_000,
    fileParallelism: false,
    // the modules of lib/ are loaded once for all of the specs
    isolate: false,
    bail: 1,
    // what fails once, and not again, failed because the machine is busy with mutants
    retry: 1,
    // as does what measures time
    testNamePattern:
      /^(?!.*(?:never keeps Redis|keeps Redis for no longer|agree on each of|as fast as|in less than|100,000 times|of 30 updates))/,
    sequence: { sequencer: AsGiven },
    experimental: { fsModuleCache: true, fsModuleCachePath: join(ROOT, '.cache/mutants') },
  },
});
