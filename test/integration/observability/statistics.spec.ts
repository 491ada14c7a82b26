import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheAdapter } from '../../../lib/cache/index.js';
import { DistributedLock } from '../../../lib/locks/index.js';
import { type Statistics, StoreStatistics } from '../../../lib/observability/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { ClusterSetup } from '../../support/cluster.js';
import { commandStats, growth } from '../../support/commands.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { openSessions, type SessionsUnderTest, TEST_SECRET } from '../../support/sessions.js';

const SESSIONS = 300;
const USERS = 60;
/** So many that chance alone leads none of the bounds astray. */
const ESTIMATES = 150;

interface Filled extends AsyncDisposable {
  readonly statistics: StoreStatistics;
  readonly sessions: SessionsUnderTest;
  readonly keyPrefix: string;
}

/** 300 sessions of 60 users, 20 of them ended; tokens of three types of 40 owners, some ended. */
async function fill(redis: string): Promise<Filled> {
  const keyPrefix = uniquePrefix();
  const sessions = await openSessions({ redis, keyPrefix, commandTimeout: 10_000 });
  const store = new TokenStore({ redis, keyPrefix, secret: TEST_SECRET, commandTimeout: 10_000 });
  const statistics = new StoreStatistics({ redis, keyPrefix, commandTimeout: 10_000 });
  const made = await Promise.all(Array.from({ length: SESSIONS }, (_, n) => sessions.sessions.create(`user ${n % USERS}`)));
  await Promise.all(made.slice(0, 20).map(({ sessionId }) => sessions.sessions.revoke(sessionId)));
  for (let n = 0; n < 40; n++) {
    const owner = `owner:${n}`;
    await Promise.all([
      store.create({ type: 'api-key', owner, ttl: 'never' }),
      ...Array.from({ length: n % 10 }, () => store.create({ type: 'reset', owner, app: 'shop', ttl: '1h' })),
      store.create({ type: 'custom type', owner, token: `custom ${n}` }),
    ]);
  }
  await store.deleteAll({ type: 'api-key', owner: 'owner:0' });
  return {
    statistics,
    sessions,
    keyPrefix,
    async [Symbol.asyncDispose]() {
      await Promise.all([sessions[Symbol.asyncDispose](), store.close(), statistics.close()]);
    },
  };
}

function numbers({ sessions, users, tokens, owners, tokenTypes }: Statistics) {
  return {
    sessions: sessions.estimate,
    users: users.estimate,
    tokens: tokens.estimate,
    owners: owners.estimate,
    types: tokenTypes.map(({ app, type, tokens, owners }) => [app, type, tokens.estimate, owners.estimate]),
  };
}

const expected = {
  sessions: SESSIONS - 20,
  users: USERS,
  tokens: 39 + 180 + 40,
  owners: 40 + 36,
  types: [
    ['shop', 'reset', 180, 36],
    ['default', 'custom type', 40, 40],
    ['default', 'api-key', 39, 39],
  ],
};

/** Of an odd number of them. */
function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[(values.length - 1) / 2]!;
}

let redis: TestRedis;
let cluster: ClusterSetup;
beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), ClusterSetup.start()]);
});
afterAll(() => Promise.all([redis.stop(), cluster.stop()]));

describe.each([
  { where: 'one server', url: () => redis.url },
  { where: 'a Cluster', url: () => cluster.url },
])('R6 on $where', ({ url }) => {
  it('counts what is live, exactly', async () => {
    await using filled = await fill(url());
    const counted = await filled.statistics.statistics({ sample: Infinity });
    expect(counted.exact).toBe(true);
    expect(numbers(counted)).toEqual(expected);
    for (const { error, exact } of [counted.bytes, counted.sessions, counted.tokenTypes[0]!.tokens])
      expect({ error, exact }).toEqual({ error: 0, exact: true });
  });

  it('estimates from a sample, and the error says how far off it may be', async () => {
    await using filled = await fill(url());
    // Far more keys than the sample; those of others are told apart.
    await Promise.all(Array.from({ length: 4_000 }, (_, n) => filled.sessions.connection.client.set(`other:${filled.keyPrefix}${n}`, '')));
    const exact = await filled.statistics.statistics({ sample: Infinity });
    const samples: Statistics[] = [];
    for (let n = 0; n < 9; n++) samples.push(await filled.statistics.statistics({ sample: 2_000 }));
    expect(samples.map((sample) => sample.exact)).toEqual(samples.map(() => false));
    for (const name of ['keys', 'bytes', 'sessions', 'users', 'tokens', 'owners'] as const) {
      const estimates = samples.map((sample) => sample[name]);
      const truth = exact[name].estimate;
      for (const { error } of estimates) expect(error, name).toBeGreaterThan(0);
      // An error is itself estimated: one sample in a thousand is off by five of them, five of nine by three of them never.
      expect(median(estimates.map(({ estimate, error }) => Math.abs(estimate - truth) / error)), name).toBeLessThan(3);
      expect(median(estimates.map(({ error }) => error)), name).toBeLessThan(0.35 * truth);
    }
  });
});

describe('R6 the error of an estimate', () => {
  it('holds what it says: about two of three estimates lie within one of it', async () => {
    await using filled = await fill(redis.url);
    const truth = (await filled.statistics.statistics({ sample: Infinity })).bytes.estimate;
    let within = 0;
    for (let n = 0; n < ESTIMATES; n++) {
      const { estimate, error } = (await filled.statistics.statistics({ sample: 1_000 })).bytes;
      if (Math.abs(estimate - truth) <= error) within++;
    }
    expect(within).toBeGreaterThan(ESTIMATES * 0.4);
    expect(within).toBeLessThan(ESTIMATES * 0.95);
  });

  it('holds for the number of tokens although one owner has most of them', async () => {
    await using filled = await fill(redis.url);
    const store = new TokenStore({ redis: redis.url, keyPrefix: filled.keyPrefix, commandTimeout: 10_000 });
    await Promise.all(Array.from({ length: 2_000 }, () => store.create({ type: 'of machines', owner: 'robot' })));
    await store.close();
    const { tokens, exact } = await filled.statistics.statistics({ sample: 1_000 });
    expect(exact).toBe(false);
    expect(Math.abs(tokens.estimate - expected.tokens - 2_000)).toBeLessThanOrEqual(5 * tokens.error);
    expect(tokens.error).toBeLessThan(500);
  });
});

describe('R6 what it costs', () => {
  it('S15 asks no KEYS, and writes nothing', async () => {
    await using filled = await fill(redis.url);
    await filled.statistics.statistics({ sample: 1_000 });
    const before = await commandStats(redis);
    await filled.statistics.statistics({ sample: 1_000 });
    await filled.statistics.statistics({ sample: Infinity });
    const used = Object.keys(growth(before, await commandStats(redis))).filter((name) => !/^(hello|client|info|debug|dbsize)/.test(name));
    expect(used.sort()).toEqual(['memory|usage', 'scan', 'time', 'zcount']);
  });

  it('sees only what is its own, whatever is in the prefix', async () => {
    await using filled = await fill(redis.url);
    const { url } = redis;
    const near = [`${filled.keyPrefix.slice(0, -1)}?`, '*', '[a-z]*', filled.keyPrefix.slice(0, 3)];
    for (const keyPrefix of near) {
      const other = new StoreStatistics({ redis: url, keyPrefix });
      expect(await other.statistics({ sample: Infinity })).toMatchObject({ keys: { estimate: 0 }, bytes: { estimate: 0 } });
      await other.close();
    }
  });

  it('is not led astray by keys of others that have names like its own', async () => {
    await using filled = await fill(redis.url);
    const { client } = filled.sessions.connection;
    const before = numbers(await filled.statistics.statistics({ sample: Infinity }));
    const index = `${filled.keyPrefix}i:{abcdef}`;
    await Promise.all([
      ...['u', 'i', 'o'].map((letter) => client.set(`${filled.keyPrefix}${letter}:{abcdef}a:b:c`, 'no list')),
      ...['50%:o:t', 'a:o:50%', 'a:o', '', 'a:o:t'].map((name) => client.zadd(index + name, '+inf', 'x')),
    ]);
    expect(numbers(await filled.statistics.statistics({ sample: Infinity }))).toEqual(before);
  });

  it('counts the keys of oidc-provider, and none of an instance whose name is a letter', async () => {
    const keyPrefix = uniquePrefix();
    await using named = await openSessions({ redis: redis.url, keyPrefix: `${keyPrefix}j:` });
    await named.sessions.create('ann');
    await named.connection.client.set(`${keyPrefix}j:${'h'.repeat(43)}`, '');
    const statistics = new StoreStatistics({ redis: redis.url, keyPrefix });
    for (const sample of [Infinity, 1]) {
      const { keys, sessions } = await statistics.statistics({ sample });
      if (sample === Infinity) expect(keys.estimate).toBe(1);
      expect(sessions.estimate).toBe(0);
    }
    await statistics.close();
  });

  it('counts the keys of cache, locks and rate limits', async () => {
    const keyPrefix = uniquePrefix();
    const options = { redis: redis.url, keyPrefix };
    const [cache, locks, limiter, statistics] = [
      new CacheAdapter(options),
      new DistributedLock(options),
      new RateLimiter(options),
      new StoreStatistics(options),
    ];
    await cache.set('a:b', 1, 60);
    await cache.namespace('n').getOrSet('c', async () => 2, { ttl: 60, tags: ['t'] });
    await cache.acquireLock('held', 60);
    await locks.tryAcquire('lock', { ttl: 60 });
    await limiter.consume('limited', { limit: 5, window: 60 });
    const counted = await statistics.statistics({ sample: Infinity });
    expect(counted.keys.estimate).toBe((await locks.client.keys(`${keyPrefix}*`)).length);
    expect(counted.keys.estimate).toBeGreaterThanOrEqual(6);
    await Promise.all([cache, locks, limiter, statistics].map((part) => part.close()));
  });

  it('rejects with a typed error when there is no Redis, and for a sample that is none', async () => {
    const nowhere = new StoreStatistics({ redis: '/nowhere/redis.sock', commandTimeout: 100 });
    await expect(nowhere.statistics()).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    for (const sample of [0, -1, 1.5, Number.NaN, '9']) {
      await expect(nowhere.statistics({ sample: sample as number })).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT' });
    }
    await nowhere.close();
  });

  it('ends with its signal', async () => {
    await using filled = await fill(redis.url);
    const gone = AbortSignal.abort(new Error('enough'));
    await expect(filled.statistics.statistics({ sample: Infinity, signal: gone })).rejects.toThrow('enough');
    await expect(filled.statistics.statistics({ sample: 100, signal: gone })).rejects.toThrow('enough');
  });
});
