import { cpus, loadavg } from 'node:os';
import { startBenchServer } from './bench-server.js';
import { updateDocument } from './document.js';
import { SECTIONS } from './sections.js';

/**
 * `npm run bench`: measures, prints, and writes docs/benchmarks.md; `npm run bench -- verify guard` measures these alone.
 * Takes about a quarter of an hour; leave the machine alone meanwhile. Fails where a goal is missed.
 */
async function redisVersion(): Promise<string> {
  await using server = await startBenchServer();
  return /^redis_version:(\S+)/m.exec(await server.raw.info('server'))?.[1] ?? 'unknown';
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => SECTIONS.every((section) => section.name !== name));
if (unknown.length > 0)
  throw new Error(`no such benchmark: ${unknown.join(', ')}; there are ${SECTIONS.map(({ name }) => name).join(', ')}`);

const redis = await redisVersion();
const measured = new Map<string, string>();
for (const section of SECTIONS) {
  const { name, title } = section;
  if (names.length > 0 && !names.includes(name)) continue;
  const load = loadavg()[0]!;
  const machine = `${cpus().length} virtual cores, Node ${process.versions.node}, Redis ${redis}`;
  const text = `_${new Date().toISOString().slice(0, 10)}, ${machine}; load average before the start: ${load.toFixed(1)}._\n\n${await section.measure()}`;
  measured.set(title, text);
  console.log(`## ${title}\n\n${text}\n`);
}
await updateDocument(measured);
if (Array.from(measured.values()).some((text) => text.includes('**missed**'))) process.exitCode = 1;
