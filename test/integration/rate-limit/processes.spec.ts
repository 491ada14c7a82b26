import { expect, it } from 'vitest';
import { startRedis } from '../../../lib/testing/index.js';
import { PackageProgram } from '../../support/package-program.js';

const PROGRAM = `
import { createInterface } from 'node:readline';
import { RateLimiter } from './lib/rate-limit/index.js';
const { url } = JSON.parse(process.argv[2]);
const limiter = new RateLimiter({ redis: url, commandTimeout: 10_000 });
await limiter.peek('ready', { limit: 1, window: 1 });
console.log('ready');
for await (const line of createInterface(process.stdin)) {
  const { key, count, rule } = JSON.parse(line);
  const results = await Promise.all(Array.from({ length: count }, () => limiter.consume(key, rule)));
  console.log(results.filter(({ allowed }) => allowed).length);
}
`;

it(
  'of 500 at once in each of three processes exactly 100 pass a limit of 100 in an hour, whatever the algorithm',
  { timeout: 60_000 },
  async () => {
    await using redis = await startRedis();
    await using program = await PackageProgram.write(PROGRAM);
    const processes = [1, 2, 3].map(() => program.start({ url: redis.url }));
    for (const process of processes) expect(await process.hear()).toBe('ready');
    for (const algorithm of ['gcra', 'fixed', 'sliding']) {
      const rule = { limit: 100, window: '1h', algorithm };
      for (const process of processes) process.say(JSON.stringify({ key: `rush-${algorithm}`, count: 500, rule }));
      const passed = await Promise.all(processes.map(async (process) => Number(await process.hear())));
      expect(passed.reduce((sum, count) => sum + count)).toBe(100);
    }
  },
);
