import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { titlesOf } from '../support/test-titles.js';

const root = join(import.meta.dirname, '../..');
const DOCUMENTS = ['GUARANTEES.md', 'SECURITY.md'];

interface Entry {
  readonly id: string;
  readonly says: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

/** `- **id** sentence`, and below it the tests: file › title. */
function entriesOf(text: string): Entry[] {
  return text
    .split(/^(?=- \*\*|#)/m)
    .filter((block) => /^- \*\*.+?\*\* /.test(block))
    .map((block) => {
      const [, id = '', says = ''] = /^- \*\*(.+?)\*\* ([^\n]*)/.exec(block) ?? [];
      const tests = [...block.matchAll(/^ {2}`(.+?)` › (.+)$/gm)].map(([, file = '', title = '']) => ({ file, title }));
      return { id, says, tests };
    });
}

const known = new Map<string, Promise<RegExp[]>>();

/** Many name the same file. */
function titlesIn(path: string): Promise<RegExp[]> {
  const titles = known.get(path) ?? titlesOf(path);
  known.set(path, titles);
  return titles;
}

async function missing({ id, tests }: Entry): Promise<string[]> {
  const found = await Promise.all(
    tests.map(async ({ file, title }) => {
      const path = join(root, file);
      if (!existsSync(path)) return `${id}: there is no ${file}`;
      return (await titlesIn(path)).some((pattern) => pattern.test(title)) ? [] : `${id}: ${file} has no test "${title}"`;
    }),
  );
  return found.flat();
}

describe('what is promised', () => {
  it.each(DOCUMENTS)('in %s names tests that there are', async (document) => {
    const entries = entriesOf(readFileSync(join(root, document), 'utf8'));
    expect(entries.length).toBeGreaterThan(20);
    const ids = entries.map(({ id }) => id);
    expect(ids.filter((id, n) => ids.indexOf(id) !== n)).toEqual([]);
    expect((await Promise.all(entries.map(missing))).flat()).toEqual([]);
  });

  it('in SECURITY.md maps each item of a standard to a test, or says that it is not here', () => {
    const items = entriesOf(readFileSync(join(root, 'SECURITY.md'), 'utf8')).filter(({ id }) => /^(ASVS|RFC) \d/.test(id));
    expect(items.length).toBeGreaterThan(30);
    expect(items.filter(({ says, tests }) => (tests.length === 0) !== says.startsWith('Not here: '))).toEqual([]);
  });

  it('in GUARANTEES.md is a sentence each, with a test', () => {
    const entries = entriesOf(readFileSync(join(root, 'GUARANTEES.md'), 'utf8'));
    expect(entries.filter(({ says, tests }) => !/[.:]$/.test(says) || tests.length === 0)).toEqual([]);
  });

  it('would not be believed without a test, nor with one that is skipped or called otherwise', async () => {
    const entry = (title: string): Entry => ({ id: 'x', says: '', tests: [{ file: 'test/docs/guarantees.spec.ts', title }] });
    expect(await missing(entry('in GUARANTEES.md is a sentence each, with a test'))).toEqual([]);
    expect(await missing(entry('in ANY.md names tests that there are'))).toEqual([]);
    expect(await missing(entry('in GUARANTEES.md is a sentence'))).toHaveLength(1);
    expect(await missing({ ...entry('x'), tests: [{ file: 'test/docs/none.spec.ts', title: 'x' }] })).toHaveLength(1);
  });
});
