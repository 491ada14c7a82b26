import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InvalidArgumentError, RedisAuthConfigError, StoreUnavailableError } from '../../../lib/errors/index.js';
import { IntrospectionCache, type IntrospectionCacheTimes, type IntrospectionResult } from '../../../lib/oauth/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { HOSTILE_VALUES } from '../../support/hostile-values.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { CommandMonitor } from '../../support/monitor.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { seededRandom } from '../../support/seeded-random.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

const keyPrefix = uniquePrefix();
const caches: IntrospectionCache[] = [];
let log: string[];
beforeAll(() => void (log = captureLog()));
afterAll(() => Promise.all(caches.map((cache) => cache.close())));

function open(times: IntrospectionCacheTimes & { commandTimeout?: number } = {}, redis = inject('redisUrl')): IntrospectionCache {
  const cache = new IntrospectionCache({ redis, keyPrefix, ...times });
  caches.push(cache);
  return cache;
}

const newToken = (): string => randomBytes(24).toString('base64url');
const keyOf = (token: string): string => `${keyPrefix}v:{${createHash('sha256').update(token).digest('base64url')}}`;
const inSeconds = (seconds: number): number => Date.now() / 1000 + seconds;
const ttlOf = (token: string, redis: TestRedis | string = inject('redisUrl')) => ask(redis, (client) => client.pttl(keyOf(token)));
/** What is known is kept by nobody's leave: the caller does not wait for it. */
const kept = (token: string, redis: TestRedis | string = inject('redisUrl')) =>
  until(() => ask(redis, (client) => client.exists(keyOf(token))), { what: 'the result is kept' });

/** A server that issued tokens; counts how often it is asked, and answers when it is let. */
class Origin {
  asked = 0;
  active = true;
  private readonly waiting: (() => void)[] = [];
  private held = false;

  constructor(private readonly more: Record<string, unknown> = {}) {}

  readonly ask = async (): Promise<IntrospectionResult> => {
    this.asked += 1;
    // it has looked when it answers, and what it saw may be past when it does
    const answer = { active: this.active, ...this.more };
    if (this.held) await new Promise<void>((resolve) => void this.waiting.push(resolve));
    return answer;
  };

  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** An answer is shared until it is known whether it is kept: one that is not is asked for anew after that. */
async function askedAgain(cache: IntrospectionCache, token: string, origin: Origin): Promise<void> {
  const target = origin.asked + 3;
  await until(async () => (await cache.introspect(token, origin.ask)) && origin.asked >= target);
}

describe('R3 the token cache', () => {
  it('asks once, and keeps what it is told by the hash of the token', async () => {
    const cache = open();
    const [token, origin] = [newToken(), new Origin({ sub: 'ann', scope: 'read' })];
    for (let n = 0; n < 3; n++) {
      expect(await cache.introspect(token, origin.ask)).toEqual({ active: true, sub: 'ann', scope: 'read' });
      await kept(token);
    }
    expect(origin.asked).toBe(1);
    expect(await open().introspect(token, origin.ask)).toEqual({ active: true, sub: 'ann', scope: 'read' });
    expect(origin.asked).toBe(1);
  });

  it('shows the token nowhere: not in keys, values, commands, errors or logs', async () => {
    await using redis = await startRedis();
    await using proxy = await FaultProxy.open(redis.url);
    const cache = open({}, proxy.url);
    const token = newToken();
    const found: string[] = [];
    await using monitor = await CommandMonitor.start(redis);
    await cache.introspect(token, new Origin({ sub: 'ann' }).ask);
    await kept(token, redis);
    await cache.evict(token);
    found.push(...(await monitor.commands()).flatMap(({ args }) => args));
    const failed = await cache.introspect(token, () => Promise.reject(new Error('the origin is down'))).catch((error: Error) => error);
    await proxy.refuse();
    const refused = await cache.evict(token).catch((error: Error) => error);
    for (const error of [failed, refused] as Error[]) found.push(String(error.stack), JSON.stringify(error), String(error.cause));
    found.push(...log);
    expect(found.join('\n')).toContain(createHash('sha256').update(token).digest('base64url'));
    for (const part of [token, token.slice(0, 16), Buffer.from(token).toString('hex')]) expect(found.join('\n')).not.toContain(part);
  });

  it.each([
    ['the rest of exp', { exp: inSeconds(30) }, [20_000, 30_000]],
    ['the rest of a fractional exp', { exp: Math.floor(inSeconds(30)) + 0.5 }, [20_000, 31_000]],
    ['maxTtl where exp is later', { exp: inSeconds(86_400) }, [50_000, 60_000]],
    ['maxTtl where exp is in milliseconds by mistake', { exp: inSeconds(30) * 1000 }, [50_000, 60_000]],
    ['maxTtl without exp', {}, [50_000, 60_000]],
  ])('keeps an active result for %s', async (_what, more, [least, most]) => {
    const [cache, token] = [open({ maxTtl: '60s' }), newToken()];
    await cache.introspect(token, new Origin(more).ask);
    await kept(token);
    const ttl = await ttlOf(token);
    expect(ttl).toBeGreaterThan(least!);
    expect(ttl).toBeLessThanOrEqual(most!);
  });

  it('asks again when exp has passed, by the clock of the Redis server', async () => {
    const [cache, token] = [open(), newToken()];
    const [now] = await ask(inject('redisUrl'), (client) => client.time());
    const origin = new Origin({ exp: Number(now) + 2 });
    await cache.introspect(token, origin.ask);
    await kept(token);
    await until(async () => (await cache.introspect(token, origin.ask)) && origin.asked > 1);
    const [seconds] = await ask(inject('redisUrl'), (client) => client.time());
    expect(Number(seconds)).toBeGreaterThanOrEqual(Number(now) + 2);
  });

  it.each([
    ['has an exp that has passed', { exp: inSeconds(-1) }],
    ['has an exp that is no number', { exp: String(inSeconds(60)) }],
    ['has an exp of null', { exp: null }],
    ['is larger than 16 kB', { text: 'x'.repeat(17_000) }],
  ])('does not keep an active result that %s', async (_what, more) => {
    const [cache, token, origin] = [open(), newToken(), new Origin(more)];
    expect(await cache.introspect(token, origin.ask)).toEqual({ active: true, ...more });
    await askedAgain(cache, token, origin);
    expect(await ask(inject('redisUrl'), (client) => client.exists(keyOf(token)))).toBe(0);
  });

  it('keeps for a short time that a token is not active, or not at all', async () => {
    const [cache, token, origin] = [open(), newToken(), new Origin()];
    origin.active = false;
    expect(await cache.introspect(token, origin.ask)).toEqual({ active: false });
    await kept(token);
    expect(await ttlOf(token)).toBeLessThanOrEqual(10_000);
    await cache.introspect(token, origin.ask);
    expect(origin.asked).toBe(1);
    const [none, other] = [open({ inactiveTtl: 0 }), newToken()];
    for (let n = 0; n < 3; n++) await none.introspect(other, origin.ask);
    expect(origin.asked).toBe(4);
    const [short, third] = [open({ maxTtl: '2s' }), newToken()];
    await short.introspect(third, origin.ask);
    await kept(third);
    expect(await ttlOf(third)).toBeLessThanOrEqual(2_000);
  });

  it('is evicted on every instance at once', async () => {
    const [one, other, token, origin] = [open(), open(), newToken(), new Origin()];
    await one.introspect(token, origin.ask);
    await kept(token);
    expect(await other.introspect(token, origin.ask)).toEqual({ active: true });
    origin.active = false;
    await other.evict(token);
    expect(await one.introspect(token, origin.ask)).toEqual({ active: false });
    await kept(token);
    expect(await other.introspect(token, origin.ask)).toEqual({ active: false });
    expect(origin.asked).toBe(2);
  });

  it.each([true, false])(
    'of two instances that ask at once, it is kept that the token is not active (asked first: %s)',
    async (inactiveFirst) => {
      const [one, other, token] = [open(), open(), newToken()];
      const [active, inactive] = [new Origin(), new Origin()];
      inactive.active = false;
      active.hold();
      inactive.hold();
      const answers = [one.introspect(token, active.ask), other.introspect(token, inactive.ask)];
      await until(() => active.asked + inactive.asked === 2);
      const order = inactiveFirst ? [inactive, active] : [active, inactive];
      order[0]!.release();
      await kept(token);
      order[1]!.release();
      await Promise.all(answers);
      await until(
        async () => !(await one.introspect<IntrospectionResult>(token, () => Promise.reject(new Error('nothing is kept')))).active,
      );
      // the active one has been tried, too: each instance sends in order
      await Promise.all([one, other].map((cache) => cache.evict(newToken())));
      expect(await open().introspect(token, active.ask)).toEqual({ active: false });
    },
  );

  it('keeps what is asked for after an eviction, and leaves other tokens alone', async () => {
    const [cache, token, other, origin] = [open(), newToken(), newToken(), new Origin()];
    await cache.introspect(other, origin.ask);
    await kept(other);
    await cache.evict(token);
    await cache.evict(token);
    await cache.introspect(token, origin.ask);
    await kept(token);
    for (const each of [token, other]) await cache.introspect(each, origin.ask);
    expect(origin.asked).toBe(2);
  });
});

describe('R3 an answer that was under way when its token was evicted', () => {
  it.each(['the same', 'another'])('is not kept, and later callers do not wait for it: evicted on %s instance', async (where) => {
    const [one, token, origin] = [open(), newToken(), new Origin()];
    const evicting = where === 'the same' ? one : open();
    origin.hold();
    const early = one.introspect(token, origin.ask);
    await until(() => origin.asked === 1);
    origin.active = false;
    await evicting.evict(token);
    const late = new Origin();
    late.active = false;
    expect(await one.introspect(token, late.ask)).toEqual({ active: false });
    expect(late.asked).toBe(1);
    origin.release();
    expect(await early).toEqual({ active: true });
    await kept(token);
    expect(await evicting.introspect(token, late.ask)).toEqual({ active: false });
    expect(late.asked).toBe(1);
  });

  it('is not kept either when a later answer came and went meanwhile', async () => {
    const [cache, token, origin] = [open({ inactiveTtl: '100 ms' }), newToken(), new Origin()];
    origin.hold();
    const early = cache.introspect(token, origin.ask);
    await until(() => origin.asked === 1);
    origin.active = false;
    await cache.evict(token);
    const late = new Origin();
    late.active = false;
    await cache.introspect(token, late.ask);
    await until(async () => (await ttlOf(token)) === -2);
    await using monitor = await CommandMonitor.start(inject('redisUrl'));
    origin.release();
    expect(await early).toEqual({ active: true });
    const isAttempt = ({ args }: { args: string[] }): boolean => args[0]!.startsWith('eval') && args.includes(keyOf(token));
    await until(async () => (await monitor.commands()).some(isAttempt), { what: 'keeping it has been tried' });
    expect(await ttlOf(token)).toBe(-2);
  });

  it('never outlives the eviction, in 400 interleavings of readers on two instances', async () => {
    const random = seededRandom(0x7662);
    const instances = [open({ inactiveTtl: '1 ms' }), open({ inactiveTtl: '1 ms' })];
    const pause = async (): Promise<void> => {
      for (let turns = Math.floor(random() * 6); turns > 0; turns--) await turn();
    };
    let stale = 0;
    let late = 0;
    const round = async (): Promise<void> => {
      const token = newToken();
      let revoked = false;
      let evicted = false;
      const asking = async (): Promise<IntrospectionResult> => {
        await pause();
        const active = !revoked;
        await pause();
        if (active && evicted) late += 1;
        return { active };
      };
      const read = async (instance: IntrospectionCache): Promise<void> => {
        await pause();
        const mustBeInactive = evicted;
        const { active } = await instance.introspect(token, asking);
        if (active && mustBeInactive) stale += 1;
      };
      const readers = Array.from({ length: 8 }, (_, n) => read(instances[n % 2]!));
      await pause();
      revoked = true;
      await instances[random() < 0.5 ? 0 : 1]!.evict(token);
      evicted = true;
      await Promise.all([...readers, ...Array.from({ length: 6 }, (_, n) => read(instances[n % 2]!))]);
      await Promise.all(instances.map(read));
    };
    // and as many more as it takes on a busy machine for answers from before to be given after: else nothing was tried
    for (let n = 0; n < 20 || (late <= 20 && n < 400); n++) await Promise.all(Array.from({ length: 20 }, round));
    expect(stale).toBe(0);
    expect(late).toBeGreaterThan(20);
  });
});

describe('the token cache', () => {
  it('asks once for 100 callers at once, and gives each a copy', async () => {
    const [cache, token, origin] = [open(), newToken(), new Origin({ aud: ['a'] })];
    const answers = await Promise.all(Array.from({ length: 100 }, () => cache.introspect(token, origin.ask)));
    expect(origin.asked).toBe(1);
    expect(new Set(answers).size).toBe(100);
    (answers[0]!['aud'] as string[]).push('b');
    expect(answers[1]).toEqual({ active: true, aud: ['a'] });
  });

  it('gives the error of asking to all who wait for it, and does not keep it', async () => {
    const [cache, token] = [open(), newToken()];
    let asked = 0;
    const down = new Error('the origin is down');
    const fail = async (): Promise<IntrospectionResult> => {
      asked += 1;
      await turn();
      throw down;
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => cache.introspect(token, fail)));
    for (const outcome of outcomes) expect(outcome).toEqual({ status: 'rejected', reason: down });
    expect(asked).toBe(1);
    await expect(
      cache.introspect(token, () => {
        throw down;
      }),
    ).rejects.toBe(down);
    expect(await cache.introspect(token, new Origin().ask)).toEqual({ active: true });
  });

  it('gives data back as it went in, and takes an answer that is there at once', async () => {
    const [cache, token] = [open(), newToken()];
    const answer = JSON.parse(
      '{"active":true,"aud":[],"n":9007199254740991,"__proto__":{"a":1},"ext":{"deep":[null,"\u2028👩‍👩‍👧"]}}',
    ) as IntrospectionResult;
    expect(await cache.introspect(token, () => answer)).toEqual(answer);
    await kept(token);
    const again = await cache.introspect(token, new Origin().ask);
    expect(JSON.stringify(again)).toBe(JSON.stringify(answer));
  });

  it.each([undefined, null, 'active', [], {}, { active: 'true' }, { active: 1 }, { active: true, n: 1n }])(
    'refuses %o as an answer, and keeps nothing',
    async (answer) => {
      const [cache, token] = [open(), newToken()];
      await expect(cache.introspect(token, () => answer as never)).rejects.toThrow(InvalidArgumentError);
      expect(await ask(inject('redisUrl'), (client) => client.exists(keyOf(token)))).toBe(0);
    },
  );

  it('refuses what is no token before any command, and keeps all others apart', async () => {
    const cache = open();
    const seen = new Map<unknown, string>();
    for (const [what, value] of Object.entries(HOSTILE_VALUES)) {
      const isToken = typeof value === 'string' && value !== '' && value.length <= 8_192 && !/\p{Surrogate}/u.test(value);
      const call = cache.introspect(value as string, () => ({ active: true, what }));
      if (isToken) {
        expect(await call).toEqual({ active: true, what });
        seen.set(value, what);
      } else {
        await expect(call, what).rejects.toThrow(InvalidArgumentError);
        await expect(cache.evict(value as string), what).rejects.toThrow(InvalidArgumentError);
      }
    }
    await expect(cache.introspect('x', 'ask' as never)).rejects.toThrow(InvalidArgumentError);
    for (const [value, what] of seen) {
      await kept(value as string);
      expect(await cache.introspect(value as string, () => ({ active: true, what: 'asked' }))).toEqual({ active: true, what });
    }
  });

  it('costs one command for what is known, one more for what is not, and one to evict; every key has an end', async () => {
    await using redis = await startRedis();
    const cache = open({}, redis.url);
    await cache.evict('warm');
    await cache.introspect('warm', new Origin().ask);
    await kept('warm', redis);
    const costs = async (call: () => Promise<unknown>): Promise<unknown> => (await commandsDuring(redis, call)).sent;
    expect(await costs(() => cache.introspect('warm', new Origin().ask))).toEqual({ mget: 1 });
    const unknown = async (): Promise<void> => {
      await cache.introspect('new', new Origin().ask);
      // asked over another connection, which is told of it: once is enough to know
      await kept('new', redis);
    };
    expect(await costs(unknown)).toMatchObject({ mget: 1, evalsha: 1 });
    expect(await costs(() => cache.evict('new'))).toEqual({ evalsha: 1 });
    expect(await withoutTtl(redis)).toEqual([]);
    expect(await ask(redis, (client) => client.keys('*'))).toEqual(expect.arrayContaining([`${keyOf('new')}x`]));
  });

  it('S14 asks the origin while Redis is away, in bounded time, and is used again as soon as it is back', async () => {
    await using proxy = await FaultProxy.open(inject('redisUrl'));
    const cache = open({ commandTimeout: 300 }, proxy.url);
    const [token, origin] = [newToken(), new Origin()];
    await until(async () => {
      await cache.introspect(token, origin.ask);
      return ask(inject('redisUrl'), (client) => client.exists(keyOf(token)));
    });
    for (const fail of ['refuse', 'silence'] as const) {
      const asked = origin.asked;
      await proxy[fail]();
      const { result, ms } = await settledIn(() => cache.introspect(token, origin.ask));
      expect(result).toEqual({ active: true });
      expect(ms).toBeLessThan(600);
      expect(origin.asked).toBe(asked + 1);
      const evicted = await settledIn(() => cache.evict(token));
      expect(evicted.error).toBeInstanceOf(StoreUnavailableError);
      expect(evicted.ms).toBeLessThan(600);
      await proxy.heal();
      await until(async () => {
        const before = origin.asked;
        await cache.introspect(token, origin.ask);
        return origin.asked === before;
      });
    }
  });

  it('evicts when Redis is full, where nothing more can be kept', async () => {
    await using redis = await startRedis();
    const [cache, token, origin] = [open({}, redis.url), newToken(), new Origin()];
    await cache.introspect(token, origin.ask);
    await kept(token, redis);
    await ask(redis, (client) => client.config('SET', 'maxmemory', '1'));
    expect(await cache.introspect(token, origin.ask)).toEqual({ active: true });
    expect(origin.asked).toBe(1);
    await cache.evict(token);
    expect(await cache.introspect(token, origin.ask)).toEqual({ active: true });
    await askedAgain(cache, token, origin);
  });

  it('reports every mistake in its options', () => {
    const wrong = { maxTtl: 0, inactiveTtl: 'soon', keyPrefix: '{', max: 1 } as never;
    expect(() => new IntrospectionCache(wrong)).toThrow(RedisAuthConfigError);
    try {
      open(wrong);
    } catch (error) {
      expect((error as RedisAuthConfigError).issues.map(({ path }) => path).sort()).toEqual(['inactiveTtl', 'keyPrefix', 'max', 'maxTtl']);
    }
  });
});
