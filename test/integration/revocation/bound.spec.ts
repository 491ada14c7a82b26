import { expect, it } from 'vitest';
import { APPEND, SYNC } from '../../../lib/revocation/feed.lua.js';
import { ownRedis } from '../../support/own-redis.js';
import { until } from '../../support/until.js';

const own = ownRedis();

const WINDOW_MS = 900_000;
const BOUND = 200;
const msOf = (id: string): number => Number(id.split('-')[0]);
const serverMs = async (): Promise<number> => {
  const [seconds, micros] = await own.client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
};

it('beyond its bound the feed forgets the oldest, and says since when it is complete', async () => {
  const keys = ['p:f:{feed}stream', 'p:f:{feed}anchor'] as const;
  const since = async () => (await SYNC.run(own.client, keys, [WINDOW_MS, 'b', '']))[1];
  const beganAt = await since();
  let number = 0;
  for (let chunk = 0; chunk < 5; chunk++) {
    const texts = Array.from({ length: 100 }, () => `s r ${++number}`);
    await APPEND.run(own.client, keys, [WINDOW_MS, 'b', BOUND, ...texts]);
    if (chunk === 0) expect(await since()).toBe(beganAt);
    // so that each chunk has a moment of its own
    const wroteAt = await serverMs();
    await until(async () => (await serverMs()) > wroteAt, { every: 1 });
  }
  const entries = await own.client.xrange(keys[0], '-', '+');
  expect(entries.length).toBeGreaterThanOrEqual(BOUND);
  expect(entries.length).toBeLessThan(BOUND + 200);
  expect(entries.at(-1)![1]).toEqual(['e', 's r 500']);
  expect(Number(await since())).toBe(msOf(entries[0]![0]));
  expect(msOf(entries[0]![0])).toBeGreaterThan(Number(beganAt));
});

it('begins anew for a reader who misses entries since this beginning, and for none who misses those of another', async () => {
  const keys = ['q:f:{feed}stream', 'q:f:{feed}anchor'] as const;
  const sync = (fresh: string, incomplete: string) => SYNC.run(own.client, keys, [WINDOW_MS, fresh, incomplete]);
  const [name, since] = await sync('first', '');
  expect(name).toBe('first');
  await until(async () => (await serverMs()) > Number(since), { every: 1 });
  expect((await sync('second', 'of long ago')).slice(0, 2)).toEqual(['first', since]);
  const [again, sinceThen] = await sync('third', 'first');
  expect(again).toBe('third');
  expect(Number(sinceThen)).toBeGreaterThan(Number(since));
  expect((await own.client.xrange(keys[0], '-', '+')).map(([, fields]) => fields[1])).toEqual(['a first', 'a third']);
});
