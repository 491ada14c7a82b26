import { describe, expect, it } from 'vitest';
import { ELECT, RELEASE, RENEW, STORE, UNLOCK } from '../../../lib/cache/entry.lua.js';
import { ownRedis } from '../../support/own-redis.js';

const own = ownRedis();

const [LEASE, OTHER, ENTRY] = ['l'.repeat(22), 'o'.repeat(22), 'e'.repeat(22)];
const key = 'p:e:{1}key';
const elect = (seen: string, lease: string) => ELECT.run(own.client, [key], [seen, lease, 5_000, 60_000]);
const store = (lease: string, value: string) => STORE.run(own.client, [key], [lease, ENTRY, 1_000, 60_000, '', '', value]);

describe('who loads', () => {
  it('is one, and stores what was loaded', async () => {
    expect(await elect('', LEASE)).toEqual([1]);
    expect((await elect('', OTHER)).slice(0, 2)).toEqual([0, LEASE]);
    expect(await store(OTHER, 'of another')).toBeNull();
    expect(await store(LEASE, 'loaded')).not.toBeNull();
    expect(await own.client.get(key)).toMatch(/\nloaded$/);
  });

  it('stores nothing once the entry was deleted or written by others, nor renews or gives up what is theirs', async () => {
    await elect('', LEASE);
    await own.client.del(key);
    expect(await store(LEASE, 'of before')).toBeNull();
    expect(await RENEW.run(own.client, [key], [LEASE, 5_000])).toBe(0);
    expect(await own.client.exists(key)).toBe(0);
    await elect('', OTHER);
    expect(await store(LEASE, 'of before')).toBeNull();
    expect(await RENEW.run(own.client, [key], [LEASE, 5_000])).toBe(0);
    expect(await RELEASE.run(own.client, [key], [LEASE, '', 0])).toBe(0);
    expect(await RENEW.run(own.client, [key], [OTHER, 5_000])).toBe(1);
    expect(await RELEASE.run(own.client, [key], [OTHER, '', 0])).toBe(1);
    expect(await own.client.exists(key)).toBe(0);
  });
});

it('a lock is released by its holder alone', async () => {
  await own.client.set(key, 'holder');
  expect(await UNLOCK.run(own.client, [key], ['another'])).toBe(0);
  expect(await own.client.get(key)).toBe('holder');
  expect(await UNLOCK.run(own.client, [key], ['holder'])).toBe(1);
  expect(await own.client.exists(key)).toBe(0);
});
