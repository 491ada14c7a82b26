import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { startBenchServer } from './bench-server.js';
import { measureCache } from './cache.js';
import { measureKilledImport } from './import-killed.js';
import { measureImports } from './import.js';
import { compareLists } from './list-scale.js';
import { measureLocks } from './locks.js';
import { measureMemory } from './memory.js';
import { measureRateLimits } from './rate-limit.js';
import { report } from './report.js';
import { measureTokens } from './tokens.js';
import { compareThroughput } from './throughput.js';

/** `npm run bench`: measures, prints, and writes docs/benchmarks.md. Takes about six minutes; leave the machine alone meanwhile. Fails where a goal is missed. */
async function redisVersion(): Promise<string> {
  await using server = await startBenchServer();
  return /^redis_version:(\S+)/m.exec(await server.raw.info('server'))?.[1] ?? 'unknown';
}

const text = report({
  loadBefore: loadavg()[0]!,
  redisVersion: await redisVersion(),
  throughput: await compareThroughput(),
  lists: await compareLists(),
  memory: await measureMemory(),
  tokens: await measureTokens(),
  imports: await measureImports(),
  killedImport: await measureKilledImport(),
  cache: await measureCache(),
  locks: await measureLocks(),
  rateLimits: await measureRateLimits(),
});
await writeFile(new URL('../docs/benchmarks.md', import.meta.url), text);
console.log(text);
if (text.includes('**missed**')) process.exitCode = 1;
