import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import type { StoredToken } from '../../lib/tokens/index.js';
import { captureLog } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { testOptions } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { openTokens, type TokensUnderTest } from '../support/tokens.js';
import { until } from '../support/until.js';

const DEADLINE_MS = 700;
const SETTLES_WITHIN_MS = DEADLINE_MS + 250;
const RECOVERS_WITHIN_MS = 2_000;
const OF = { type: 'key', owner: 'ann' };

let redis: TestRedis;
let proxy: FaultProxy;
let options: ReturnType<typeof testOptions>;
beforeEach(async () => {
  redis = await startRedis();
  proxy = await FaultProxy.open(redis.url);
  options = testOptions({ redis: proxy.url, commandTimeout: DEADLINE_MS });
  captureLog();
});
afterEach(async () => {
  await proxy.close();
  await redis.stop();
});

/** A generated and a custom one. */
async function make({ tokens }: TokensUnderTest, owner = 'ann'): Promise<StoredToken[]> {
  const of = { type: 'key', owner, data: { a: 1 } };
  return [await tokens.create(of), await tokens.create({ ...of, token: `of ${owner}` })];
}

/** Every method, on each. */
function calls({ tokens }: TokensUnderTest, made: readonly StoredToken[]): [name: string, call: () => Promise<unknown>][] {
  return [
    ['create', () => tokens.create(OF)],
    ['create', () => tokens.create({ ...OF, requestId: 'once' })],
    ['create', () => tokens.create({ ...OF, token: 'another' })],
    ['list', () => tokens.list(OF)],
    ['count', () => tokens.count(OF)],
    ['deleteAll', () => tokens.deleteAll(OF)],
    ['deleteAll', () => tokens.deleteAll({ owner: 'ann' })],
    ['delete', () => tokens.delete({ type: 'key', id: made[0]!.id })],
    ...made.flatMap(({ type, token }): [string, () => Promise<unknown>][] => [
      ['get', () => tokens.get({ type, token })],
      ['update', () => tokens.update({ type, token, data: { b: 2 } })],
      ['refresh', () => tokens.refresh({ type, token, ttl: '1h' })],
      ['consume', () => tokens.consume({ type, token, requestId: 'once' })],
      ['delete', () => tokens.delete({ type, token })],
    ]),
  ];
}

/** All at once, so that the deadline is waited for once. */
async function allFailInTime(on: TokensUnderTest, made: readonly StoredToken[]): Promise<StoreUnavailableError[]> {
  const outcomes = await Promise.all(calls(on, made).map(async ([name, call]) => ({ name, ...(await settledIn(call)) })));
  for (const { name, error, ms } of outcomes) {
    expect(error, name).toBeInstanceOf(StoreUnavailableError);
    expect(error, name).toMatchObject({ operation: `tokens.${name}`, retryAfter: 1 });
    expect(ms, name).toBeLessThan(SETTLES_WITHIN_MS);
  }
  return outcomes.map(({ error }) => error as StoreUnavailableError);
}

interface Fault {
  begin: () => Promise<void> | void;
  end: () => Promise<void> | void;
  /** Of calls that are made right after it began. */
  ambiguous: boolean;
}

const faults: Record<string, Fault> = {
  'nobody listens': { begin: () => proxy.refuse(), end: () => proxy.heal(), ambiguous: false },
  SIGSTOP: { begin: () => redis.pause(), end: () => redis.resume(), ambiguous: true },
  silence: { begin: () => proxy.silence(), end: () => proxy.heal(), ambiguous: true },
};

describe.each(Object.keys(faults))('S14 while running: %s', (name) => {
  const fault = faults[name]!;

  it('every method fails in time and typed, and never as "not found"; then tokens work again', async () => {
    await using on = await openTokens(options);
    const made = await make(on);
    const untouched = await make(on, 'bob');
    await fault.begin();
    const errors = await allFailInTime(on, made);
    if (fault.ambiguous) expect(errors.every(({ ambiguous }) => ambiguous)).toBe(true);
    await until(() => on.connection.client.status !== 'ready', { within: 3_000, what: 'the connection is given up' });
    const later = await allFailInTime(on, made);
    expect(later.every(({ ambiguous }) => !ambiguous)).toBe(true);
    await fault.end();
    const [first] = untouched as [StoredToken];
    await until(async () => (await on.tokens.get(first)) !== null, { within: RECOVERS_WITHIN_MS });
    for (const each of untouched) {
      expect(await on.tokens.get(each)).toEqual(each);
      expect(await on.tokens.update({ ...each, data: { b: 2 } })).toMatchObject({ data: { a: 1, b: 2 } });
      expect(await on.tokens.consume(each)).toMatchObject({ id: each.id });
    }
    expect(await on.tokens.create(OF)).toMatchObject({ owner: 'ann' });
  });
});

describe('S14 at boot: nobody listens', () => {
  it('every method fails in time, nothing is done late, and it recovers by itself', async () => {
    await using elsewhere = await openTokens({ ...options, redis: redis.url });
    const made = await make(elsewhere);
    await proxy.refuse();
    await using on = await openTokens(options);
    const errors = await allFailInTime(on, made);
    expect(errors.every(({ ambiguous }) => !ambiguous)).toBe(true);
    await proxy.heal();
    await until(async () => (await on.tokens.count(OF)) === 2, { within: RECOVERS_WITHIN_MS });
    for (const each of made) expect(await on.tokens.get(each)).toEqual(each);
  });
});

describe('a call of several round trips', () => {
  it('settles within one deadline, however slow each answer is, and says that it may have been done', async () => {
    await using on = await openTokens(options);
    const [, custom] = (await make(on)) as [StoredToken, StoredToken];
    // each answer takes most of the deadline
    proxy.delay = DEADLINE_MS / 2 - 20;
    const [created, consumed] = await Promise.all([
      settledIn(() => on.tokens.create({ ...OF, token: 'another' })),
      settledIn(() => on.tokens.consume({ type: 'key', token: custom.token })),
    ]);
    for (const { error, ms } of [created, consumed]) {
      expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
      expect(ms).toBeLessThan(SETTLES_WITHIN_MS);
    }
    await proxy.heal();
    await until(async () => (await on.tokens.count({ type: 'key', owner: 'nobody' })) === 0);
    // whose end was in doubt may have ended, once; what was to be stored can be seen
    const left = await on.tokens.list(OF);
    expect(left.filter(({ id }) => id === custom.id).length).toBeLessThanOrEqual(1);
    expect(await on.tokens.deleteAll(OF)).toBe(left.length);
    expect(await on.tokens.get({ type: 'key', token: 'another' })).toBeNull();
  });
});

describe('a Redis that is killed and comes back empty', () => {
  it('every method fails in time; then old tokens are not there, and new ones work', async () => {
    await using on = await openTokens(options);
    const made = await make(on);
    await redis.kill();
    await allFailInTime(on, made);
    await redis.restart();
    await until(async () => (await on.tokens.count(OF)) === 0, { within: RECOVERS_WITHIN_MS });
    for (const { type, token, id } of made) {
      expect(await on.tokens.get({ type, token })).toBeNull();
      expect(await on.tokens.update({ type, token, data: { a: 1 } })).toBeNull();
      expect(await on.tokens.refresh({ type, token, ttl: '1h' })).toBe(false);
      expect(await on.tokens.consume({ type, token })).toBeNull();
      expect(await on.tokens.delete({ type, id })).toBe(false);
    }
    for (const each of await make(on)) expect(await on.tokens.get(each)).toEqual(each);
  });
});
