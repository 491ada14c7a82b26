import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, RedisAuthConfigError } from '../../../lib/errors/index.js';
import { DistributedLock, type LockTarget } from '../../../lib/locks/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { commandsDuring } from '../../support/commands.js';
import { HOSTILE_VALUES } from '../../support/hostile-values.js';
import { LocksUnderTest } from '../../support/locks.js';

let redis: TestRedis;
let locks: LocksUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  locks = new LocksUnderTest({ redis: redis.url, commandTimeout: 10_000 });
  await locks.tryAcquire('connects', { ttl: 1 });
});
afterAll(async () => {
  await locks.close();
  await redis.stop();
});

const ttl = '30s';

describe('arguments', () => {
  it('that are wrong are refused before any command', async () => {
    const wrong = (value: unknown): never => value as never;
    const calls: Record<string, () => Promise<unknown>> = {};
    for (const [name, value] of Object.entries(HOSTILE_VALUES)) {
      if (isKey(value)) continue;
      calls[`key: ${name}`] = () => locks.tryAcquire(wrong(value), { ttl });
      calls[`acquire: ${name}`] = () => locks.acquire(wrong(value), { ttl });
      calls[`using: ${name}`] = () => locks.using(wrong(value), { ttl }, async () => undefined);
      calls[`group: ${name}`] = () => locks.tryAcquire({ group: wrong(value), keys: ['a'] }, { ttl });
      calls[`key of a group: ${name}`] = () => locks.tryAcquire({ group: 'g', keys: ['a', wrong(value)] }, { ttl });
      calls[`writeFenced: ${name}`] = () => locks.writeFenced(wrong(value), { fencingToken: 1n, fields: {} });
    }
    for (const keys of [undefined, 'a', [], {}, Array.from({ length: 65 }, (_, n) => `k${n}`)]) {
      calls[`keys: ${String(keys)}`] = () => locks.tryAcquire({ group: 'g', keys: wrong(keys) }, { ttl });
    }
    for (const value of [undefined, null, 0, -1, 0.009, '5', 'soon', Number.NaN, Infinity, '101 years', [1], {}]) {
      calls[`ttl: ${String(value)}`] = () => locks.tryAcquire('a', { ttl: wrong(value) });
    }
    for (const value of [null, -1, '5', Number.NaN, [1]])
      calls[`wait: ${String(value)}`] = () => locks.acquire('a', { ttl, wait: wrong(value) });
    for (const permits of [null, 0, 1.5, '2', Number.NaN, 1_001]) {
      calls[`permits: ${String(permits)}`] = () => locks.tryAcquire('a', { ttl, permits: wrong(permits) });
    }
    Object.assign(calls, {
      'no options': () => locks.tryAcquire('a', wrong(undefined)),
      'permits of a group': () => locks.tryAcquire({ group: 'g', keys: ['a'] }, { ttl, permits: 2 }),
      'a key that is too long': () => locks.tryAcquire('é'.repeat(513), { ttl }),
      'a signal that is none': () => locks.acquire('a', { ttl, signal: wrong({ aborted: false }) }),
      'no token': () => locks.writeFenced('a', { fencingToken: wrong(1), fields: {} }),
      'a negative token': () => locks.writeFenced('a', { fencingToken: -1n, fields: {} }),
      'no fields': () => locks.writeFenced('a', wrong({ fencingToken: 1n })),
      'the field of the token': () => locks.writeFenced('a', { fencingToken: 1n, fields: { fence: '9' } }),
      'a field that is no text': () => locks.writeFenced('a', { fencingToken: 1n, fields: { a: wrong(1) } }),
      'no time to live': () => locks.writeFenced('a', { fencingToken: 1n, fields: {}, ttl: 0 }),
    });
    const { total } = await commandsDuring(redis, async () => {
      for (const [name, call] of Object.entries(calls)) await expect(call(), name).rejects.toBeInstanceOf(InvalidArgumentError);
    });
    expect(total).toBe(0);
  });

  it('S3 no two different keys are one lock, whatever is in them', async () => {
    const texts = Object.values(HOSTILE_VALUES).filter(isKey);
    const targets: LockTarget[] = [...texts, 'x'.repeat(1024), 'é'.repeat(512), 'a:b', 'a%3Ab', 'a b'];
    for (const [group, key] of [
      ['a', 'b c'],
      ['a', 'b'],
      ['a', 'c'],
      ['a:', 'b'],
      ['b', 'a'],
    ] as const)
      targets.push({ group, keys: [key] });
    const held = await Promise.all(targets.map((target) => locks.tryAcquire(target, { ttl })));
    expect(held.every((lock) => lock !== null)).toBe(true);
    expect(await Promise.all(targets.map((target) => locks.tryAcquire(target, { ttl })))).toEqual(targets.map(() => null));
    expect(await Promise.all(held.map((lock) => lock!.release()))).toEqual(targets.map(() => true));
  });

  it('of a lock made by hand are checked all at once', () => {
    expect(() => new DistributedLock({ redis: 'redis://h', wait: 'soon', minReplicas: -1, retries: 3 } as never)).toThrow(
      RedisAuthConfigError,
    );
    const issues = issuesOf(() => new DistributedLock({ wait: 'soon', minReplicas: -1 } as never));
    expect(issues).toEqual(['locks.wait', 'locks.minReplicas']);
  });
});

/** Text that a key may be: well-formed, 1 to 1,024 bytes. */
function isKey(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 1024 && !/\p{Surrogate}/u.test(value);
}

function issuesOf(make: () => unknown): string[] {
  try {
    make();
    return [];
  } catch (error) {
    return (error as RedisAuthConfigError).issues.map(({ path }) => path);
  }
}
