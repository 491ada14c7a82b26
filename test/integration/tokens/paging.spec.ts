import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { StoredTokenInfo, TokenStore } from '../../../lib/tokens/index.js';
import { seededRandom } from '../../support/seeded-random.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';

let on: TokensUnderTest;
let tokens: TokenStore;
beforeAll(async () => {
  on = await openTokens({ redis: inject('redisUrl'), commandTimeout: 10_000 });
  ({ tokens } = on);
});
afterAll(() => on[Symbol.asyncDispose]());

const of = (owner: string) => ({ type: 'key', owner });

/** All pages of `limit`, and what happens between two of them. */
async function inPages(owner: string, limit: number, meanwhile?: (page: StoredTokenInfo[]) => Promise<void>): Promise<StoredTokenInfo[]> {
  const all: StoredTokenInfo[] = [];
  for (;;) {
    const after = all.at(-1);
    const page = await tokens.list({ ...of(owner), limit, ...(after !== undefined && { after }) });
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
    if (page.length < limit) return all;
    await meanwhile?.(page);
  }
}

const ids = (list: readonly { id: string }[]): string[] => list.map(({ id }) => id);
const unique = (list: readonly string[]): number => new Set(list).size;

describe('list', () => {
  it('gives all of 1,000 tokens, the soonest expiry first and those without one last, also in pages of any size', async () => {
    const random = seededRandom(7);
    const made = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        // many of the same expiry, since most are made in the same millisecond, and all that never end
        tokens.create({
          ...of('ann'),
          ttl: random() < 0.3 ? 'never' : random() < 0.5 ? '1h' : 3_600 + Math.floor(random() * 100),
          data: { n },
        }),
      ),
    );
    const whole = await tokens.list(of('ann'));
    expect(ids(whole).toSorted()).toEqual(ids(made).toSorted());
    const ends = whole.map(({ expiresAt }) => expiresAt?.getTime() ?? Infinity);
    expect(ends).toEqual(ends.toSorted((a, b) => (a === b ? 0 : a - b)));
    expect(unique(ends.map(String))).toBeLessThan(900);
    for (const limit of [1, 7, 250, 251, 999, 1_000, 1_001]) {
      if (limit === 1) expect(ids(await tokens.list({ ...of('ann'), limit, after: whole[499]! }))).toEqual([whole[500]!.id]);
      else expect(ids(await inPages('ann', limit)), `pages of ${limit}`).toEqual(ids(whole));
    }
    expect(await tokens.count(of('ann'))).toBe(1_000);
    expect(await tokens.list({ ...of('ann'), after: whole.at(-1)! })).toEqual([]);
    const { token } = made.find(({ id }) => id === whole[0]!.id)!;
    const { token: _, ...info } = (await tokens.get({ type: 'key', token }))!;
    expect(whole[0]).toEqual(info);
    expect(whole[0]).not.toHaveProperty('token');
    await tokens.deleteAll({ owner: 'ann' });
  });

  it.each(['1h', 'never'] as const)('in pages misses no token and gives none twice while others come and go (%s)', async (ttl) => {
    const owner = `bob-${ttl}`;
    const random = seededRandom(11);
    const kept = await Promise.all(Array.from({ length: 200 }, () => tokens.create({ ...of(owner), ttl })));
    const passing = await Promise.all(Array.from({ length: 200 }, () => tokens.create({ ...of(owner), ttl })));
    const seen = await inPages(owner, 23, async (page) => {
      // among them the one after which the next page begins
      const gone = [...passing.splice(Math.floor(random() * passing.length), 9), ...page.slice(-1)];
      await Promise.all(
        gone.filter(({ id }) => !kept.some((token) => token.id === id)).map(({ id }) => tokens.delete({ type: 'key', id })),
      );
      await Promise.all(Array.from({ length: 5 }, () => tokens.create({ ...of(owner), ttl })));
    });
    expect(unique(ids(seen))).toBe(seen.length);
    expect(kept.filter(({ id }) => !seen.some((token) => token.id === id))).toEqual([]);
  });

  it('goes on behind a token that is gone, in its place among those of the same expiry', async () => {
    await Promise.all(Array.from({ length: 50 }, () => tokens.create({ ...of('cat'), ttl: 'never' })));
    const whole = await tokens.list(of('cat'));
    for (const { id } of whole.slice(10, 20)) await tokens.delete({ type: 'key', id });
    expect(ids(await tokens.list({ ...of('cat'), after: whole[14]! }))).toEqual(ids(whole.slice(20)));
    expect(ids(await tokens.list({ ...of('cat'), after: whole[14]!, limit: 3 }))).toEqual(ids(whole.slice(20, 23)));
  });

  it('fills a page although the index names tokens that are gone', async () => {
    await Promise.all(Array.from({ length: 60 }, () => tokens.create({ ...of('dan'), ttl: 'never' })));
    const whole = await tokens.list(of('dan'));
    await on.connection.client.del(...whole.slice(0, 50).map(({ id }) => `${on.keyPrefix}k:{${id.slice(0, 6)}}${id.slice(6)}`));
    expect(ids(await tokens.list({ ...of('dan'), limit: 5 }))).toEqual(ids(whole.slice(50, 55)));
  });

  it('gives all of what is large, and pages as they were asked for', async () => {
    const data = { text: 'x'.repeat(16_000) };
    const made = await Promise.all(
      Array.from({ length: 100 }, (_, n) => tokens.create({ ...of('fat'), data, ttl: n % 3 === 0 ? 'never' : '1h' })),
    );
    const result = await tokens.list(of('fat'));
    expect(ids(result).toSorted()).toEqual(ids(made).toSorted());
    expect(result.every((info) => info.data['text'] === data.text)).toBe(true);
    expect(ids(await inPages('fat', 40))).toEqual(ids(result));
    expect(await tokens.list({ ...of('fat'), limit: 90 })).toEqual(result.slice(0, 90));
  });

  it('is empty for who has none', async () => {
    expect(await tokens.list(of('nobody'))).toEqual([]);
    expect(await tokens.count(of('nobody'))).toBe(0);
  });
});
