import { readFile, writeFile } from 'node:fs/promises';
import { SECTIONS } from './sections.js';

const FILE = new URL('../docs/benchmarks.md', import.meta.url);

const PREAMBLE = `# Benchmarks

Written by \`npm run bench\`, or section by section by \`npm run bench -- ${SECTIONS.slice(0, 3)
  .map(({ name }) => name)
  .join(' ')} …\`.

Absolute numbers say more about the machine than about the package; compare the ratios. All cases of a table run against one server over loopback TCP, in turns
(of 80 ms unless said otherwise), each of 15 to 25 rounds starting with another case. A ratio is the median of the ratios within a round, its quartiles in brackets.
`;

/** Puts in what was measured now, and leaves the other sections as they are. */
export async function updateDocument(measured: ReadonlyMap<string, string>): Promise<void> {
  const known = sectionsOf(await readFile(FILE, 'utf8'));
  const sections = SECTIONS.flatMap(({ title }) => {
    const text = measured.get(title) ?? known.get(title);
    return text === undefined ? [] : [`## ${title}\n\n${text}\n`];
  });
  await writeFile(FILE, [PREAMBLE, ...sections].join('\n'));
}

function sectionsOf(document: string): Map<string, string> {
  const [, ...sections] = document.split(/^## /m);
  return new Map(
    sections.map((section) => {
      const end = section.indexOf('\n');
      return [section.slice(0, end), section.slice(end).trim()];
    }),
  );
}
