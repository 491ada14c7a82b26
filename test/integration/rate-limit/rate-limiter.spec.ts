import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { RateLimiter, type RateLimitAlgorithm, type RateLimitRule } from '../../../lib/rate-limit/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { HOSTILE_VALUES } from '../../support/hostile-values.js';
import { CommandMonitor } from '../../support/monitor.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let limiter: RateLimiter;
let other: RateLimiter;
beforeAll(async () => {
  redis = await startRedis();
  limiter = new RateLimiter({ redis: redis.url, commandTimeout: 10_000 });
  other = new RateLimiter({ redis: redis.url, commandTimeout: 10_000 });
});
afterAll(async () => {
  expect(await withoutTtl(redis)).toEqual([]);
  await limiter.close();
  await other.close();
  await redis.stop();
});

const ALGORITHMS: RateLimitAlgorithm[] = ['gcra', 'fixed', 'sliding'];
let count = 0;
const newKey = (): string => `key-${++count}`;
const serverMs = async (): Promise<number> => {
  const [seconds, micros] = await ask(redis, (client) => client.time());
  return Number(seconds) * 1000 + Number(micros) / 1000;
};

describe.each(ALGORITHMS)('%s', (algorithm) => {
  const rule = (limit: number, window = '1h'): RateLimitRule => ({ limit, window, algorithm });

  it('lets exactly the limit through of 500 at once', async () => {
    const key = newKey();
    const results = await Promise.all(Array.from({ length: 500 }, (_, n) => (n % 2 ? limiter : other).consume(key, rule(100))));
    expect(results.filter(({ allowed }) => allowed)).toHaveLength(100);
    for (const { allowed, retryAfter } of results) expect(retryAfter === 0).toBe(allowed);
  });

  it('tells what is left, when all of it is there again, and when to come back', async () => {
    const key = newKey();
    const before = await serverMs();
    const first = await limiter.consume(key, rule(3, '60s'));
    expect(first).toEqual({ allowed: true, limit: 3, remaining: 2, resetAt: expect.any(Date) as Date, retryAfter: 0 });
    const full = algorithm === 'gcra' ? 20_000 : 60_000;
    expect(first.resetAt.getTime()).toBeGreaterThanOrEqual(Math.floor(before) + full);
    expect(first.resetAt.getTime()).toBeLessThanOrEqual((await serverMs()) + full);
    expect(await limiter.consume(key, { ...rule(3, '60s'), cost: 2 })).toMatchObject({ allowed: true, remaining: 0 });
    const denied = await limiter.consume(key, rule(3, '60s'));
    expect(denied).toMatchObject({ allowed: false, limit: 3, remaining: 0, retryAfter: algorithm === 'gcra' ? 20 : 60 });
  });

  it('lets through again once the time is over', async () => {
    const key = newKey();
    const short = rule(2, '2s');
    expect((await limiter.consume(key, { ...short, cost: 2 })).allowed).toBe(true);
    expect(await limiter.consume(key, short)).toMatchObject({ allowed: false, retryAfter: algorithm === 'gcra' ? 1 : 2 });
    await until(async () => (await limiter.consume(key, short)).allowed);
  });

  it('uses nothing where it denies, and nothing when it is looked at', async () => {
    const key = newKey();
    await limiter.consume(key, { ...rule(5), cost: 3 });
    expect(await limiter.consume(key, { ...rule(5), cost: 3 })).toMatchObject({ allowed: false, remaining: 2 });
    expect(await limiter.peek(key, { ...rule(5), cost: 3 })).toMatchObject({ allowed: false, remaining: 2 });
    expect(await limiter.peek(key, { ...rule(5), cost: 2 })).toMatchObject({ allowed: true, remaining: 2, retryAfter: 0 });
    expect(await limiter.consume(key, { ...rule(5), cost: 2 })).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('takes more by a penalty than it would allow, and gives back by a reward at most what was used', async () => {
    const key = newKey();
    expect(await limiter.reward(key, rule(5))).toMatchObject({ allowed: true, remaining: 5 });
    await limiter.consume(key, { ...rule(5), cost: 4 });
    expect(await limiter.penalty(key, { ...rule(5), cost: 3 })).toMatchObject({ allowed: false, remaining: 0 });
    expect((await limiter.consume(key, rule(5))).allowed).toBe(false);
    expect(await limiter.reward(key, { ...rule(5), cost: 2 })).toMatchObject({ allowed: false, remaining: 0 });
    expect(await limiter.reward(key, { ...rule(5), cost: 3 })).toMatchObject({ allowed: true, remaining: 3 });
    expect((await limiter.consume(key, rule(5))).allowed).toBe(true);
    expect(await limiter.reward(key, { ...rule(5), cost: 5 })).toMatchObject({ allowed: true, remaining: 5 });
    for (let n = 0; n < 4; n++) await limiter.penalty(key, { ...rule(5), cost: 5 });
    const { resetAt, retryAfter } = await limiter.peek(key, rule(5));
    // Told for one more use, also where no more could be taken.
    expect((await limiter.penalty(key, { ...rule(5), cost: 5 })).retryAfter).toBe(retryAfter);
    expect(resetAt.getTime() - (await serverMs())).toBeLessThanOrEqual(2 * 3_600_000);
  });

  it('goes by the clock of the server alone', async () => {
    const key = newKey();
    const results = [];
    for (const skew of [0, 120_000, -120_000]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + skew });
      try {
        results.push(await limiter.consume(key, rule(2)));
      } finally {
        vi.useRealTimers();
      }
    }
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true, false]);
    const resets = results.map(({ resetAt }) => resetAt.getTime() - Date.now());
    for (const reset of resets) {
      expect(reset).toBeGreaterThan(1_790_000);
      expect(reset).toBeLessThanOrEqual(3_600_000);
    }
  });
});

describe('several limits', () => {
  const rules = [
    { limit: 10, window: '1h' },
    { limit: 3, window: '1m', algorithm: 'fixed' as const },
    { limit: 5, window: '1d', algorithm: 'sliding' as const },
  ];

  it('hold together: all or none, in one command, told by the tightest', async () => {
    const key = newKey();
    for (const remaining of [2, 1, 0]) {
      const { result, total } = await commandsDuring(redis, () => limiter.consume(key, rules));
      expect(result).toMatchObject({ allowed: true, limit: 3, remaining });
      expect(total).toBe(1);
    }
    expect(await other.consume(key, rules)).toMatchObject({ allowed: false, limit: 3, remaining: 0 });
    expect((await limiter.peek(key, rules[0]!)).remaining).toBe(7);
    expect((await limiter.peek(key, rules[2]!)).remaining).toBe(2);
  });

  it('hold under a rush, whatever the order', async () => {
    const key = newKey();
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 ? limiter.consume(key, rules) : other.consume(key, rules.toReversed()))),
    );
    expect(results.filter(({ allowed }) => allowed)).toHaveLength(3);
    expect((await limiter.peek(key, rules[0]!)).remaining).toBe(7);
  });

  it('each live as long as they need to', async () => {
    const key = newKey();
    await limiter.consume(key, [rules[2]!, { limit: 100, window: '1s' }]);
    await limiter.consume(key, { limit: 100, window: '2s' });
    expect(await ask(redis, (client) => client.pttl(`auth:b:{${key}}`))).toBeGreaterThan(86_000_000);
  });
});

describe('reset and block', () => {
  it('forget and deny a key whatever its limits', async () => {
    const key = newKey();
    const rule = { limit: 1, window: '1h' };
    expect(await limiter.reset(key)).toBe(false);
    await limiter.consume(key, rule);
    expect((await limiter.consume(key, rule)).allowed).toBe(false);
    expect(await limiter.reset(key)).toBe(true);
    expect((await limiter.consume(key, rule)).allowed).toBe(true);

    await limiter.reset(key);
    await limiter.block(key, '1h');
    for (const algorithm of ALGORITHMS) {
      expect(await limiter.consume(key, { limit: 5, window: '1m', algorithm })).toMatchObject({
        allowed: false,
        remaining: 0,
        retryAfter: 3600,
      });
      expect(await other.peek(key, { limit: 5, window: '1m', algorithm })).toMatchObject({ allowed: false, remaining: 0 });
    }
    expect(await limiter.consume(key, [rule, { limit: 7, window: '1m' }])).toMatchObject({ allowed: false });
    await limiter.block(key, '1 ms');
    await until(async () => (await limiter.consume(key, { limit: 5, window: '1m' })).allowed);
  });
});

describe('what is denied', () => {
  it('costs no command in this process, however often it is asked for', async () => {
    const key = newKey();
    const rule = { limit: 2, window: '1h' };
    await limiter.consume(key, { ...rule, cost: 2 });
    const first = await limiter.consume(key, rule);
    const { result, total } = await commandsDuring(redis, async () => {
      const results = [];
      for (let n = 0; n < 200; n++) results.push(await limiter.consume(key, rule));
      results.push(await limiter.consume(key, [{ limit: 9, window: '1h' }, rule]));
      return results;
    });
    expect(total).toBe(0);
    expect(result.slice(0, 200)).toEqual(Array.from({ length: 200 }, () => ({ ...first, retryAfter: expect.any(Number) as number })));
    expect(result.every(({ allowed, retryAfter }) => !allowed && retryAfter > 1700)).toBe(true);
  });

  it.each(ALGORITHMS)('makes what costs more wait as long as it has to: %s', async (algorithm) => {
    const key = newKey();
    const rule = { limit: 5, window: '1m', algorithm };
    await limiter.consume(key, { ...rule, cost: 5 });
    expect((await limiter.consume(key, rule)).retryAfter).toBe(algorithm === 'gcra' ? 12 : 60);
    expect((await limiter.consume(key, { ...rule, cost: 5 })).retryAfter).toBe(60);
  });

  it('costs no command where all of it is denied until the same moment, whatever it costs', async () => {
    const key = newKey();
    const rule = { limit: 5, window: '1m' };
    await limiter.block(key, '1h');
    await limiter.consume(key, rule);
    const { result, total } = await commandsDuring(redis, () => limiter.consume(key, { ...rule, cost: 5 }));
    expect(total).toBe(0);
    expect(result.allowed).toBe(false);
    expect(result.retryAfter).toBeGreaterThan(3_500);
  });

  it('says nothing of another limit, of a smaller cost, or of another key', async () => {
    const key = newKey();
    const rule = { limit: 5, window: '1h' };
    await limiter.consume(key, { ...rule, cost: 4 });
    expect((await limiter.consume(key, { ...rule, cost: 2 })).allowed).toBe(false);
    expect((await limiter.consume(key, rule)).allowed).toBe(true);
    expect((await limiter.consume(key, { ...rule, limit: 6 })).allowed).toBe(true);
    expect((await limiter.consume(newKey(), { ...rule, cost: 2 })).allowed).toBe(true);
  });

  it.each<[string, (key: string, rule: RateLimitRule) => Promise<unknown>]>([
    ['reset', (key) => limiter.reset(key)],
    ['reward', (key, rule) => limiter.reward(key, rule)],
  ])('is forgotten by a %s of this process at once', async (_name, free) => {
    const key = newKey();
    const rule = { limit: 1, window: '1h', algorithm: 'fixed' as const };
    await limiter.consume(key, rule);
    await limiter.consume(key, rule);
    await free(key, rule);
    expect((await limiter.consume(key, rule)).allowed).toBe(true);
  });

  it('is forgotten by a reset that overtakes the answer', async () => {
    const rule = { limit: 1, window: '1h' };
    for (let n = 0; n < 20; n++) {
      const key = newKey();
      await other.consume(key, rule);
      const [denied] = await Promise.all([limiter.consume(key, rule), limiter.reset(key)]);
      expect(denied.allowed).toBe(false);
      expect((await limiter.consume(key, rule)).allowed).toBe(true);
    }
  });

  it('is asked for again after 2 s, so that a reset by another process is noticed', async () => {
    const key = newKey();
    const rule = { limit: 1, window: '1h' };
    await limiter.consume(key, rule);
    const asked = performance.now();
    await limiter.consume(key, rule);
    const answered = performance.now();
    await other.reset(key);
    const now = vi.spyOn(performance, 'now');
    try {
      now.mockReturnValue(asked + 1_900);
      expect((await limiter.consume(key, rule)).allowed).toBe(false);
      now.mockReturnValue(answered + 2_100);
      expect((await limiter.consume(key, rule)).allowed).toBe(true);
    } finally {
      now.mockRestore();
    }
  });
});

describe('requestId', () => {
  it('makes a repeat get the first answer, whatever else it says, and counts once', async () => {
    const key = newKey();
    const rule = { limit: 5, window: '1h' };
    const first = await limiter.consume(key, { ...rule, requestId: 'a' });
    const repeats = await Promise.all([
      other.consume(key, { ...rule, requestId: 'a' }),
      limiter.consume(key, { limit: 9, window: '1s', cost: 3, requestId: 'a' }),
      limiter.consume(key, [{ limit: 9, window: '1s', requestId: 'a' }, rule]),
    ]);
    for (const repeat of repeats.slice(0, 2)) expect(repeat).toEqual(first);
    expect(await limiter.consume(key, { ...rule, requestId: 'b' })).toMatchObject({ remaining: 3 });
    expect(await limiter.consume(newKey(), { ...rule, requestId: 'a' })).toMatchObject({ remaining: 4 });
  });

  it('tells a repeat of what was allowed so even where everything is denied by now', async () => {
    const key = newKey();
    const rule = { limit: 1, window: '1h' };
    const first = await limiter.consume(key, { ...rule, requestId: 'a' });
    expect((await limiter.consume(key, rule)).allowed).toBe(false);
    expect(await limiter.consume(key, { ...rule, requestId: 'a' })).toEqual(first);
  });
});

describe('keys', () => {
  it('of any text are kept apart, and never leave their slot or their TTL', async () => {
    const texts = Object.values(HOSTILE_VALUES).filter((value): value is string => typeof value === 'string' && value !== '');
    const keys = [...new Set([...texts, 'login', '{login}a:x', 'x', 'x}y', 'é'.repeat(512)])].filter(
      (key) => Buffer.byteLength(key) <= 1024 && !/\p{Surrogate}/u.test(key),
    );
    const rule = { limit: 1, window: '1h' };
    for (const key of keys) {
      expect((await limiter.consume(key, { ...rule, requestId: key.slice(0, 100) })).allowed).toBe(true);
      expect((await other.consume(key, rule)).allowed).toBe(false);
    }
    await limiter.login({ account: 'x', ip: 'x' });
    for (const key of keys) expect(await limiter.reset(key)).toBe(true);
    for (const name of await ask(redis, (client) => client.keys('*'))) expect(name).toMatch(/^auth:[br]:\{[\w.@+%~!*'()-]+\}[\w.@+:%-]*$/);
  });

  const wrong: [string, () => Promise<unknown>][] = [
    ['an empty key', () => limiter.consume('', { limit: 1, window: 1 })],
    ['a key that is no text', () => limiter.consume(1 as never, { limit: 1, window: 1 })],
    ['a key over 1 kB', () => limiter.peek('x'.repeat(1025), { limit: 1, window: 1 })],
    ['half a surrogate pair', () => limiter.reset('\ud800')],
    ['no options', () => limiter.consume('k', undefined as never)],
    ['no limits', () => limiter.consume('k', [])],
    ['limit 0', () => limiter.consume('k', { limit: 0, window: 1 })],
    ['limit 1.5', () => limiter.consume('k', { limit: 1.5, window: 1 })],
    ['limit Infinity', () => limiter.consume('k', { limit: Infinity, window: 1 })],
    ['limit as text', () => limiter.consume('k', { limit: '5' as never, window: 1 })],
    ['no window', () => limiter.consume('k', { limit: 1 } as never)],
    ['window 0', () => limiter.consume('k', { limit: 1, window: 0 })],
    ['a window of digits', () => limiter.consume('k', { limit: 1, window: '60' })],
    ['cost 0', () => limiter.consume('k', { limit: 1, window: 1, cost: 0 })],
    ['cost over the limit', () => limiter.penalty('k', { limit: 1, window: 1, cost: 2 })],
    ['an unknown algorithm', () => limiter.reward('k', { limit: 1, window: 1, algorithm: 'constructor' as never })],
    [
      'the same limit twice',
      () =>
        limiter.consume('k', [
          { limit: 1, window: 60 },
          { limit: 1, window: '1m' },
        ]),
    ],
    [
      'two request ids',
      () =>
        limiter.consume('k', [
          { limit: 1, window: 60, requestId: 'a' },
          { limit: 2, window: 60, requestId: 'b' },
        ]),
    ],
    ['an empty request id', () => limiter.consume('k', { limit: 1, window: 60, requestId: '' })],
    ['a block of no time', () => limiter.block('k', 0)],
    ['no account', () => limiter.login({ ip: '10.0.0.1' } as never)],
    ['no address', () => limiter.login({ account: 'ann' } as never)],
  ];

  it('and limits that are none are refused before any command', async () => {
    await using monitor = await CommandMonitor.start(redis);
    for (const [what, call] of wrong) await expect(call(), what).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(await monitor.commands()).toEqual([]);
  });

  it('may have the largest of limits', async () => {
    for (const algorithm of ALGORITHMS) {
      const rule = { limit: Number.MAX_SAFE_INTEGER, window: '1y', algorithm };
      const key = newKey();
      for (let n = 0; n < 3; n++) expect((await limiter.consume(key, rule)).allowed).toBe(true);
      expect((await limiter.peek(key, [rule, { limit: 5, window: 1 }])).allowed).toBe(true);
    }
  });
});

describe('login', () => {
  const limits = { account: { limit: 3, window: '15m' }, ip: { limit: 5, window: '15m' } };

  it('counts failures alone: a right password is given back to its address once, and hides no wrong one', async () => {
    const ip = '10.4.0.1';
    const left = async (): Promise<number> => {
      const attempt = await limiter.login({ account: newKey(), ip }, { ...limits, account: { limit: 99, window: '15m' } });
      await attempt.succeeded();
      return attempt.remaining;
    };
    for (let n = 0; n < 12; n++) expect(await left()).toBe(4);
    await limiter.login({ account: newKey(), ip }, limits);
    expect(await left()).toBe(3);
    const right = await limiter.login({ account: newKey(), ip }, limits);
    for (let n = 0; n < 3; n++) await right.succeeded();
    expect(await left()).toBe(3);
    const account = newKey();
    for (let n = 0; n < 3; n++) await limiter.login({ account, ip: '10.4.0.2' }, limits);
    // What was denied used nothing that could be given back.
    const denied = await limiter.login({ account, ip }, limits);
    expect(denied.allowed).toBe(false);
    await denied.succeeded();
    expect(await left()).toBe(3);
  });

  it('asks for account and address in one command, all or nothing, and success forgets the account alone', async () => {
    const account = newKey();
    const from = (ip: string) => limiter.login({ account, ip }, limits);
    const { result, total } = await commandsDuring(redis, () => from('10.1.0.1'));
    expect(total).toBe(1);
    expect(result).toMatchObject({ allowed: true, limit: 3, remaining: 2 });
    await from('10.1.0.1');
    const right = await from('10.1.0.1');
    expect(right).toMatchObject({ allowed: true, remaining: 0 });
    expect(await from('10.1.0.2')).toMatchObject({ allowed: false, limit: 3 });
    await right.succeeded();
    expect(await from('10.1.0.1')).toMatchObject({ allowed: true, limit: 3, remaining: 2 });
    expect(await limiter.login({ account: newKey(), ip: '10.1.0.1' }, limits)).toMatchObject({ limit: 5, remaining: 1 });
    // what was denied was not counted for that address
    const others = await Promise.all(Array.from({ length: 8 }, () => limiter.login({ account: newKey(), ip: '10.1.0.2' }, limits)));
    expect(others.filter(({ allowed }) => allowed)).toHaveLength(5);
  });

  it('leaves nothing in Redis of what was typed for an account', async () => {
    await limiter.login({ account: 'correct horse battery', ip: '10.3.0.1' });
    expect((await ask(redis, (client) => client.keys('*'))).filter((key) => key.includes('horse'))).toEqual([]);
  });

  it('makes no difference between accounts, and spares allowed addresses their own limit only', async () => {
    const office = new RateLimiter({ redis: redis.url, allow: ['10.2.0.0/16'] });
    try {
      const account = newKey();
      for (let n = 0; n < 8; n++) expect((await office.login({ account: newKey(), ip: '::ffff:10.2.0.9' }, limits)).allowed).toBe(true);
      const tries = [];
      for (let n = 0; n < 4; n++) tries.push((await office.login({ account, ip: '10.2.0.9' }, limits)).allowed);
      expect(tries).toEqual([true, true, true, false]);
    } finally {
      await office.close();
    }
  });
});
