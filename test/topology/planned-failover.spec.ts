import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.js';
import { ConnectionUnderTest } from '../support/open-connection.js';
import { SentinelSetup } from '../support/sentinel.js';
import { until } from '../support/until.js';
import { Writer } from '../support/writer.js';

const FAILOVERS = 5;
/** Of what a default client loses. */
const AT_MOST = 0.15;

/** How many writes that were acknowledged to each of two clients a planned failover lost. */
interface Losses {
  readonly ours: number;
  readonly theirs: number;
}

let setup: SentinelSetup;
beforeAll(async () => void (setup = await SentinelSetup.start()));
afterAll(() => setup.stop());

async function failOverUnderWrites(round: number): Promise<Losses> {
  await using connection = await ConnectionUnderTest.open(setup.url);
  const plain = new Redis({ sentinels: setup.addresses, name: setup.name });
  plain.on('error', () => undefined);
  const keys = [`ours:${round}`, `theirs:${round}`] as const;
  const writers = [
    new Writer((member) => connection.execute('add', (client) => client.sadd(keys[0], member))),
    new Writer((member) => plain.sadd(keys[1], member)),
  ] as const;
  try {
    const former = await setup.master();
    await until(() => writers.every(({ count }) => count > 200), { what: 'both are writing' });
    const master = await setup.failover();
    // until then it says yes to writes, all of which go when it becomes a replica
    await until(async () => (await ask(former, (client) => client.role()))[0] === 'slave', { within: 60_000, what: 'the former follows' });
    const counts = writers.map(({ count }) => count);
    await until(() => writers.every(({ count }, n) => count > counts[n]! + 20), { within: 30_000, what: 'both go on, on the new master' });
    await Promise.all(writers.map((writer) => writer.stop()));
    const stored = await ask(master, (client) => Promise.all(keys.map((key) => client.smembers(key))));
    const [ours, theirs] = writers.map((writer, n) => writer.lost(stored[n]!).length) as [number, number];
    process.stdout.write(`failover ${round + 1}: lost ${ours} of ${writers[0].count}, a default client ${theirs} of ${writers[1].count}\n`);
    return { ours, theirs };
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
    plain.disconnect();
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

describe('behind Sentinels', () => {
  it('a planned failover under writes loses at most 15 % of what a default ioredis client loses, the median of five', async () => {
    const losses: Losses[] = [];
    for (let round = 0; round < FAILOVERS; round++) losses.push(await failOverUnderWrites(round));
    expect(Math.min(...losses.map(({ theirs }) => theirs))).toBeGreaterThan(0);
    expect(median(losses.map(({ ours, theirs }) => ours / theirs))).toBeLessThanOrEqual(AT_MOST);
  });
});
