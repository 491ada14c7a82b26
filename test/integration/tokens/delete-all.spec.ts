import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IMPORT } from '../../../lib/migration/import.lua.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { DELETE_ALL } from '../../../lib/tokens/owner.lua.js';
import type { TokenStore } from '../../../lib/tokens/index.js';
import { clientOf } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { longestScript, type Timed } from '../../support/longest-script.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

const MANY = 10_000;
const MOST_MS = 5;

let redis: TestRedis;
let server: Redis;
let on: TokensUnderTest;
let tokens: TokenStore;
beforeAll(async () => {
  redis = await startRedis();
  server = clientOf(redis, 10_000);
  on = await openTokens({ redis: redis.url, keyPrefix: 'p:', commandTimeout: 10_000 });
  ({ tokens } = on);
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  server.disconnect();
  await redis.stop();
});
beforeEach(() => server.flushall());

async function fill(count: number, init: Partial<Parameters<TokenStore['create']>[0]> = {}, custom = ''): Promise<string[]> {
  const made = Array.from({ length: count }, (_, n) =>
    tokens.create({ type: 'key', owner: 'ann', ...init, ...(custom !== '' && { token: `${custom}-${n}` }) }),
  );
  return (await Promise.all(made)).map(({ token }) => token);
}

type Whose = Parameters<TokenStore['deleteAll']>[0];

/** By an instance whose connection is lost after its first script. */
async function afterFirstScript(of: Whose): Promise<number> {
  await using other = await openTokens({ redis: redis.url, keyPrefix: 'p:' });
  const { client } = other.connection;
  const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
  Object.assign(client, {
    evalsha: async (...args: unknown[]) => {
      const reply = await evalsha(...args);
      client.disconnect();
      return reply;
    },
  });
  return await other.tokens.deleteAll(of);
}

/** Ends them, which is all that was asked for, and clears little away. */
async function brokenOff(of: Whose, ended: number): Promise<void> {
  expect(await afterFirstScript(of)).toBe(ended);
}

/** Of a deletion by `tokens`, whose script is known by then. */
async function longest(attempt: (timed: Timed) => Promise<void>): Promise<number> {
  await tokens.deleteAll({ owner: 'nobody' });
  return longestScript(server, on.connection.client, MOST_MS, attempt);
}

const gone = (): Promise<unknown> => until(async () => (await server.dbsize()) === 0, { what: 'nothing is left' });

/** How many a deletion has ended, when what it does in the background is done, too. */
async function cleared(of: Whose): Promise<number> {
  const ended = await tokens.deleteAll(of);
  await gone();
  return ended;
}

describe(`deleteAll of ${MANY} tokens`, () => {
  it.each<[string, Partial<Parameters<TokenStore['create']>[0]>]>([
    ['with an end', {}],
    ['without an end', { ttl: 'never' }],
  ])('%s never keeps Redis for 5 ms, and leaves nothing behind', { timeout: 120_000 }, async (_what, init) => {
    const ms = await longest(async (timed) => {
      const made = await fill(MANY, init);
      expect(await timed(() => cleared({ type: 'key', owner: 'ann' }))).toBe(MANY);
      for (const token of [made[0]!, made.at(-1)!]) expect(await tokens.get({ type: 'key', token })).toBeNull();
    });
    expect(ms).toBeLessThan(MOST_MS);
  });

  it('ends all in the first script: where the connection is lost after it, nothing is live', async () => {
    const made = await fill(2_000, { ttl: 'never' });
    await brokenOff({ type: 'key', owner: 'ann' }, 2_000);
    expect(await server.dbsize()).toBeGreaterThan(1_000);
    expect(await tokens.count({ type: 'key', owner: 'ann' })).toBe(0);
    expect(await tokens.list({ type: 'key', owner: 'ann' })).toEqual([]);
    const found = await Promise.all(made.map((token) => tokens.get({ type: 'key', token })));
    expect(found.filter((token) => token !== null)).toEqual([]);
    const [token] = made as [string];
    expect(await tokens.update({ type: 'key', token: made.at(-1)!, data: { a: 1 } })).toBeNull();
    expect(await tokens.refresh({ type: 'key', token: made.at(-1)!, ttl: '1h' })).toBe(false);
    expect(await tokens.consume({ type: 'key', token: made.at(-1)! })).toBeNull();
    expect(await tokens.delete({ type: 'key', token })).toBe(false);
  });

  it.each([
    ['of the type', { type: 'key', owner: 'ann' }],
    ['of every type', { owner: 'ann' }],
  ])('%s, broken off and repeated, clears the rest away and ends what came since', async (_what, of) => {
    await fill(1_500, { ttl: 'never' });
    await brokenOff(of, 1_500);
    const since = await fill(3, { ttl: 'never' });
    expect(await tokens.deleteAll(of)).toBe(3);
    for (const token of since) expect(await tokens.get({ type: 'key', token })).toBeNull();
    await gone();
  });

  it('of every type finds what was broken off even if the type was used and left meanwhile', async () => {
    await fill(1_500, { ttl: 'never' });
    await brokenOff({ type: 'key', owner: 'ann' }, 1_500);
    const [token] = (await fill(1, { ttl: '1h' })) as [string];
    expect(await tokens.delete({ type: 'key', token })).toBe(true);
    expect(await tokens.deleteAll({ owner: 'ann' })).toBe(0);
    await gone();
  });

  it.each(['1h', 'never'] as const)('leaves a token alone that is stored while it clears others away (%s)', async (ttl) => {
    await fill(5_000, { ttl });
    const deletion = tokens.deleteAll({ type: 'key', owner: 'ann' });
    await until(async () => (await server.keys('p:d:*')).length === 1, { every: 1, what: 'the clearing has begun' });
    const fresh = await tokens.create({ type: 'key', owner: 'ann', data: { fresh: true }, ttl: '30m' });
    expect(await deletion).toBe(5_000);
    await until(async () => (await server.keys('p:d:*')).length === 0);
    expect(await tokens.get({ type: 'key', token: fresh.token })).toMatchObject({ data: { fresh: true } });
    // nothing that would mend it has been called since
    expect(await withoutTtl(redis)).toEqual([]);
    expect(await tokens.list({ type: 'key', owner: 'ann' })).toMatchObject([{ id: fresh.id }]);
  });

  it('leaves a token alone that is imported again before its record was cleared away', async () => {
    await fill(2);
    const [registry] = (await server.keys('p:o:*')) as [string];
    const step = (mode: 'end' | 'clear') => DELETE_ALL.run(server, [registry], ['default ', 'ann', 1, mode]);
    expect((await step('end')).slice(0, 2)).toEqual([2, 'clear']);
    const [condemned] = (await server.keys('p:d:*')) as [string];
    const [rest] = (await server.zrange(condemned, '0', '-1')) as [string];
    const index = condemned.replace('p:d:', 'p:i:');
    const [outcome] = await IMPORT.run(server, [index], ['default key', 'ann', rest, '', 0, '', '']);
    expect(outcome).toBe('imported');
    await step('clear');
    expect(await server.exists(`${index.slice(0, index.indexOf('}') + 1).replace('p:i:', 'p:k:')}${rest}`)).toBe(1);
    expect(await tokens.count({ type: 'key', owner: 'ann' })).toBe(1);
  });

  it('says that it cannot know where it is broken off before it has ended all', async () => {
    await fill(1_500, { ttl: 'never' });
    await brokenOff({ type: 'key', owner: 'ann' }, 1_500);
    await fill(3, { ttl: 'never' });
    const { error } = await outcomeOf(afterFirstScript({ type: 'key', owner: 'ann' }));
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
    expect(await tokens.deleteAll({ type: 'key', owner: 'ann' })).toBe(3);
    await gone();
  });

  it('goes on in the background where its caller has been answered', async () => {
    await fill(MANY, { ttl: 'never' });
    await using hasty = await openTokens({ redis: redis.url, keyPrefix: 'p:', commandTimeout: 2_000 });
    const { client } = hasty.connection;
    const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    let scripts = 0;
    Object.assign(client, {
      async evalsha(...args: unknown[]) {
        // more than half of its time is over before the second script has been answered
        if (++scripts === 2) await sleep(1_100);
        return evalsha(...args);
      },
    });
    expect(await hasty.tokens.deleteAll({ type: 'key', owner: 'ann' })).toBe(MANY);
    expect(await server.dbsize()).toBeGreaterThan(1_000);
    expect(await tokens.count({ type: 'key', owner: 'ann' })).toBe(0);
    await gone();
  });

  it('of custom tokens takes their pointers along', async () => {
    const made = await fill(1_200, { ttl: 'never' }, 'mine');
    expect(await tokens.get({ type: 'key', token: made[7]! })).not.toBeNull();
    expect(await tokens.deleteAll({ type: 'key', owner: 'ann' })).toBe(1_200);
    await gone();
    await tokens.create({ type: 'key', owner: 'bob', token: made[7]! });
  });
});

describe('deleteAll', () => {
  it('T9 of one type leaves other types, owners and apps; of all types leaves other owners and apps', async () => {
    for (const owner of ['ann', 'ann2', 'bob']) {
      for (const type of ['key', 'key2', 'reset']) {
        for (const app of ['default', 'shop']) await fill(2, { owner, type, app, ttl: type === 'reset' ? 'never' : '1h' });
      }
    }
    expect(await tokens.deleteAll({ type: 'key', owner: 'ann' })).toBe(2);
    const counts = async (): Promise<Record<string, number>> => {
      const places = ['ann', 'ann2', 'bob'].flatMap((owner) =>
        ['key', 'key2', 'reset'].flatMap((type) => ['default', 'shop'].map((app) => ({ owner, type, app }))),
      );
      const found = await Promise.all(places.map(async (of) => [Object.values(of).join(), await tokens.count(of)] as const));
      return Object.fromEntries(found.filter(([, count]) => count === 0));
    };
    expect(await counts()).toEqual({ 'ann,key,default': 0 });
    expect(await tokens.deleteAll({ owner: 'ann' })).toBe(4);
    expect(await counts()).toEqual({ 'ann,key,default': 0, 'ann,key2,default': 0, 'ann,reset,default': 0 });
    expect(await tokens.deleteAll({ owner: 'ann', app: 'shop' })).toBe(6);
    expect(await tokens.deleteAll({ owner: 'ann', app: 'shop' })).toBe(0);
    expect(await tokens.deleteAll({ owner: 'nobody' })).toBe(0);
  });

  it('of 50 types is one script where there are few tokens', async () => {
    for (let n = 0; n < 50; n++) await fill(2, { type: `type-${n}`, ttl: n % 2 === 0 ? 'never' : '1h' });
    await tokens.deleteAll({ owner: 'nobody' });
    const { sent, result } = await commandsDuring(redis, () => tokens.deleteAll({ owner: 'ann' }));
    expect({ sent, result }).toEqual({ sent: { evalsha: 1 }, result: 100 });
    expect(await server.dbsize()).toBe(0);
  });

  it.each([1, 6])(
    'of 1,300 types with %i tokens each never keeps Redis for 5 ms, and leaves nothing behind',
    { timeout: 120_000 },
    async (each) => {
      const ms = await longest(async (timed) => {
        const made = await Promise.all(
          Array.from({ length: 1_300 }, (_, n) => fill(each, { type: `type-${n}`, ttl: n % 2 === 0 ? 'never' : '1h' })),
        );
        expect(await timed(() => cleared({ owner: 'ann' }))).toBe(1_300 * each);
        for (const n of [0, 650, 1_299]) expect(await tokens.get({ type: `type-${n}`, token: made[n]![0]! })).toBeNull();
      });
      expect(ms).toBeLessThan(MOST_MS);
    },
  );

  it('of very many types says that it cannot know where it is broken off before it has ended all; a repeat ends the rest', async () => {
    await Promise.all(Array.from({ length: 250 }, (_, n) => fill(3, { type: `type-${n}`, ttl: 'never' })));
    const { error } = await outcomeOf(afterFirstScript({ owner: 'ann' }));
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
    expect(await tokens.deleteAll({ owner: 'ann' })).toBe(450);
    await gone();
  });

  it('by several callers at once counts each token once', async () => {
    await fill(3_000);
    const ended = await Promise.all(Array.from({ length: 8 }, () => tokens.deleteAll({ type: 'key', owner: 'ann' })));
    expect(ended.reduce((sum, count) => sum + count, 0)).toBe(3_000);
    await gone();
  });

  it('does not count what has expired', async () => {
    await fill(3, { ttl: '1 ms' });
    await fill(2, { ttl: '1h' });
    await until(async () => (await tokens.count({ type: 'key', owner: 'ann' })) === 2);
    expect(await tokens.deleteAll({ type: 'key', owner: 'ann' })).toBe(2);
    await gone();
  });
});
