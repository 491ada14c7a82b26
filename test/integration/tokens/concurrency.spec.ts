import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import type { StoredToken, TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { seededRandom } from '../../support/seeded-random.js';
import { testOptions } from '../../support/sessions.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { withoutTtl } from '../../support/without-ttl.js';

const INSTANCES = 4;
const OF = { type: 'key', owner: 'ann' };

let redis: TestRedis;
let server: Redis;
let instances: TokensUnderTest[];
let tokens: TokenStore;
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis, 10_000);
  const options = testOptions({ redis: redis.url, keyPrefix: 'p:', commandTimeout: 10_000 });
  instances = await Promise.all(Array.from({ length: INSTANCES }, () => openTokens(options)));
  tokens = instances[0]!.tokens;
});
afterAll(async () => {
  await Promise.all(instances.map((instance) => instance[Symbol.asyncDispose]()));
  server.disconnect();
  await redis.stop();
});
beforeEach(() => server.flushall());

const any = (n: number): TokenStore => instances[n % INSTANCES]!.tokens;

describe.each([
  ['generated', {}],
  ['custom', { token: 'mine' }],
])('of a %s token', (_kind, custom) => {
  it('S5 50 updates of different fields at once all land', async () => {
    const { token } = await tokens.create({ ...OF, ...custom, data: { kept: true } });
    const made = await Promise.all(Array.from({ length: 50 }, (_, n) => any(n).update({ type: 'key', token, data: { [`f${n}`]: n } })));
    const all = { kept: true, ...Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`f${n}`, n])) };
    expect((await tokens.get({ type: 'key', token }))?.data).toEqual(all);
    // each saw its own, and one saw all
    for (const [n, one] of made.entries()) expect(one?.data).toMatchObject({ kept: true, [`f${n}`]: n });
    expect(made.filter((one) => Object.keys(one!.data).length === 51)).toHaveLength(1);
  });

  it('R8 1,000 consumers at once: exactly one gets it, also where each has a requestId', async () => {
    for (const named of [false, true]) {
      const made = await tokens.create({ ...OF, ...custom, data: { a: 1 } });
      const consume = (n: number): Promise<StoredToken | null> =>
        any(n).consume({ type: 'key', token: made.token, ...(named && { requestId: `caller ${n}` }) });
      const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, n) => consume(n)));
      expect(outcomes.filter((outcome) => outcome !== null)).toEqual([made]);
      if (!named) continue;
      const winner = outcomes.findIndex((outcome) => outcome !== null);
      expect(await consume(winner)).toEqual(made);
      expect(await consume(winner + 1)).toBeNull();
    }
  });

  it('delete, consume and deleteAll at once: one of them ends it', async () => {
    for (let round = 0; round < 50; round++) {
      const { token, id } = await tokens.create({ ...OF, ...custom });
      const ends = await Promise.all([
        any(0).delete({ type: 'key', token }),
        any(1).consume({ type: 'key', token }),
        any(2).deleteAll(OF),
        any(3).delete({ type: 'key', id }),
      ]);
      expect(ends.filter((end) => end !== null && end !== false && end !== 0)).toHaveLength(1);
      expect(await tokens.get({ type: 'key', token })).toBeNull();
    }
    expect((await server.keys('*')).filter((key) => !key.startsWith('p:p:'))).toEqual([]);
  });
});

it(
  'S5 update and refresh against an end, 10,000 times in all orders: nothing is revived, no key is without TTL',
  { timeout: 180_000 },
  async () => {
    const random = seededRandom(3);
    const rounds = [...Array(10_000).keys()].values();
    let updated = 0;
    let came = 0;
    await Promise.all(
      Array.from({ length: 100 }, async (_, lane) => {
        const owner = `owner-${lane}`;
        for (const n of rounds) {
          const custom = n % 5 === 0 ? { token: `mine-${n}` } : {};
          const { token } = await any(lane).create({ type: 'key', owner, ...custom });
          const of = { type: 'key', token };
          const change = (store: TokenStore): Promise<unknown> =>
            random() < 0.8 ? store.update({ ...of, data: { n } }) : store.refresh({ ...of, ttl: '2h' });
          const ends: ((store: TokenStore) => Promise<unknown>)[] = [
            (store) => store.delete(of),
            (store) => store.consume(of),
            (store) => store.deleteAll({ owner }),
            (store) => store.deleteAll({ type: 'key', owner }),
          ];
          const end = ends[Math.floor(random() * ends.length)]!;
          const changeFirst = random() < 0.5;
          const other = any(lane + 1 + Math.floor(random() * (INSTANCES - 1)));
          const [first, second] = changeFirst ? [change(any(lane)), end(other)] : [end(other), change(any(lane))];
          const changed = await (changeFirst ? first : second);
          expect([true, 1]).toContain(await Promise.resolve(changeFirst ? second : first).then((ended) => ended === 1 || Boolean(ended)));
          if (changed === null || changed === false) came++;
          else updated++;
          expect(await any(lane + 2).get(of)).toBeNull();
        }
      }),
    );
    // both orders did happen
    expect(updated).toBeGreaterThan(500);
    expect(came).toBeGreaterThan(500);
    expect((await server.keys('*')).filter((key) => !key.startsWith('p:p:'))).toEqual([]);
    expect(await withoutTtl(redis)).toEqual([]);
  },
);

it('refreshes, updates and new tokens of one owner at once leave index, registry and records in step', async () => {
  const random = seededRandom(5);
  const made = await Promise.all(Array.from({ length: 40 }, (_, n) => any(n).create({ ...OF, ttl: n % 2 === 0 ? '1h' : 'never' })));
  await Promise.all(
    Array.from({ length: 2_000 }, async (_, n) => {
      const { token } = made[Math.floor(random() * made.length)]!;
      const act = random();
      if (act < 0.3) await any(n).refresh({ type: 'key', token, ttl: random() < 0.5 ? 'never' : Math.ceil(random() * 1_000) + 60 });
      else if (act < 0.6) await any(n).update({ type: 'key', token, data: { n } });
      else if (act < 0.9) await any(n).create({ ...OF, ttl: Math.ceil(random() * 1_000) + 60 });
      else await any(n).delete({ type: 'key', token });
    }),
  );
  const listed = await tokens.list(OF);
  expect(listed).toHaveLength((await server.keys('p:k:*')).length);
  expect(await tokens.count(OF)).toBe(listed.length);
  for (const { id, expiresAt } of listed) {
    expect(await server.pexpiretime(`p:k:{${id.slice(0, 6)}}${id.slice(6)}`)).toBe(expiresAt?.getTime() ?? -1);
  }
  const last = listed.at(-1)!.expiresAt?.getTime() ?? -1;
  for (const key of [...(await server.keys('p:i:*')), ...(await server.keys('p:o:*'))]) expect(await server.pexpiretime(key)).toBe(last);
});
