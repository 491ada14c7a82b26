import type { Redis } from 'ioredis';
import type { RedisClient } from '../../lib/redis/index.js';

const MOST_ATTEMPTS = 8;
const WORK_MS = 5;
/** What a machine of today does in that time. */
const WORK = `for n = 1, 5000 do redis.call('SET', 'work', n) end`;

export type Timed = <T>(call: () => Promise<T>) => Promise<T>;

/**
 * Ms for which the longest script of a call keeps Redis, on a machine of today. Each takes longer, too, where others have
 * the processor meanwhile: where it is not less than `most`, the call is made again, and the least of its times counts.
 *
 * @param client over which the call sends its scripts, all of them known to the server by then
 */
export async function longestScript(
  server: Redis,
  client: RedisClient,
  most: number,
  attempt: (timed: Timed) => Promise<void>,
): Promise<number> {
  const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
  const took: number[] = [];
  const timed: Timed = (call) => {
    let number = 0;
    const measured = async (...args: unknown[]): Promise<unknown> => {
      const n = number++;
      const [reply, ms] = await keptFor(server, 'evalsha', () => evalsha(...args));
      took[n] = Math.min(took[n] ?? Infinity, ms);
      return reply;
    };
    Object.assign(client, { evalsha: measured });
    return call().finally(() => Object.assign(client, { evalsha }));
  };
  const slowness = await howSlow(server);
  const longest = (): number => Math.max(...took) / slowness;
  await attempt(timed);
  if (took.length === 0) throw new Error('no script was run');
  for (let attempts = 1; attempts < MOST_ATTEMPTS && longest() >= most; attempts++) await attempt(timed);
  return longest();
}

/** How many times as long as a machine of today this one takes, at least 1. */
async function howSlow(server: Redis): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < 5; n++) took.push((await keptFor(server, 'eval', () => server.eval(WORK, 0)))[1]);
  await server.del('work');
  return Math.max(1, Math.min(...took) / WORK_MS);
}

/** What a script replies, and for how many ms Redis was busy with it. */
async function keptFor<T>(server: Redis, command: 'eval' | 'evalsha', call: () => Promise<T>): Promise<[reply: T, ms: number]> {
  const micros = async (): Promise<number> =>
    Number(new RegExp(`^cmdstat_${command}:calls=\\d+,usec=(\\d+)`, 'm').exec(await server.info('commandstats'))?.[1] ?? 0);
  const before = await micros();
  const reply = await call();
  return [reply, ((await micros()) - before) / 1_000];
}
