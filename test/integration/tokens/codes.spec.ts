import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
let store: TokenStore;
let other: TokenStore;
let keyPrefix: string;
beforeAll(async () => {
  redis = await startRedis();
  keyPrefix = uniquePrefix();
  store = new TokenStore({ redis: redis.url, keyPrefix, secret: TEST_SECRET, commandTimeout: 10_000 });
  other = new TokenStore({ redis: redis.url, keyPrefix, secret: TEST_SECRET, commandTimeout: 10_000 });
});
afterAll(async () => {
  await Promise.all([store.close(), other.close()]);
  await redis.stop();
});

const type = 'sign-in-code';
let owners = 0;
const newOwner = () => `owner-${owners++}`;

async function issue(owner: string, init: object = {}): Promise<string> {
  const issued = await store.createCode({ type, owner, ...init });
  expect(issued).not.toBeNull();
  return issued!.code;
}

const wrongFor = (code: string) => code.replace(/^./, (digit) => String((Number(digit) + 1) % 10));

describe('a one-time code', () => {
  it('is six digits for ten minutes, unless asked otherwise', async () => {
    const issued = await store.createCode({ type, owner: newOwner() });
    expect(issued!.code).toMatch(/^\d{6}$/);
    expect(issued!.expiresAt.getTime() - issued!.createdAt.getTime()).toBe(600_000);
    const long = await store.createCode({ type, owner: newOwner(), length: 12, ttl: '1h' });
    expect(long!.code).toMatch(/^\d{12}$/);
    expect(long!.expiresAt.getTime() - long!.createdAt.getTime()).toBe(3_600_000);
  });

  it('is valid once and gives back its data as it went in', async () => {
    const owner = newOwner();
    const data = { action: 'pay', list: [], big: 2 ** 53 - 1, nothing: null, 'a"\n': '€' };
    const code = await issue(owner, { data });
    const first = await store.verifyCode({ type, owner, code });
    expect(first).toMatchObject({ valid: true, data, reason: undefined });
    expect(await store.verifyCode({ type, owner, code })).toMatchObject({ valid: false, data: undefined, reason: 'used' });
  });

  it('R8 says reuse to a second use, from another client too', async () => {
    const owner = newOwner();
    const code = await issue(owner);
    expect((await store.verifyCode({ type, owner, code })).valid).toBe(true);
    expect((await other.verifyCode({ type, owner, code })).reason).toBe('used');
  });

  it('is valid for exactly one of a thousand attempts at once', async () => {
    const owner = newOwner();
    const code = await issue(owner);
    const attempts = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => (n % 2 === 0 ? store : other).verifyCode({ type, owner, code })),
    );
    expect(attempts.filter(({ valid }) => valid)).toHaveLength(1);
    expect(new Set(attempts.filter(({ valid }) => !valid).map(({ reason }) => reason))).toEqual(new Set(['used']));
  });

  it('is told apart as wrong, expired, used and unknown by the application, and alike by a client', async () => {
    const [late, used] = [newOwner(), newOwner()];
    const unknown = await store.verifyCode({ type, owner: newOwner(), code: '000000' });
    const lateCode = await issue(late, { ttl: '1s' });
    await afterNow(1_000);
    const expired = await store.verifyCode({ type, owner: late, code: lateCode });
    const usedCode = await issue(used);
    const wrong = await store.verifyCode({ type, owner: used, code: wrongFor(usedCode) });
    await store.verifyCode({ type, owner: used, code: usedCode });
    const again = await store.verifyCode({ type, owner: used, code: usedCode });
    const refusals = [unknown, expired, wrong, again];
    expect(refusals.map(({ reason }) => reason)).toEqual(['unknown', 'expired', 'wrong', 'used']);
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal)))).toEqual(new Set(['{"valid":false}']));
    // as serializers see it that do not ask for JSON
    for (const refusal of refusals) expect({ ...refusal }).toEqual({ valid: false });
  });

  it('a wrong guess at a used or expired code says nothing of the code', async () => {
    const owner = newOwner();
    const code = await issue(owner);
    await store.verifyCode({ type, owner, code });
    expect((await store.verifyCode({ type, owner, code: wrongFor(code) })).reason).toBe('wrong');
  });

  it('is locked after maxAttempts wrong ones, for the right code too, counted exactly under concurrency', async () => {
    const owner = newOwner();
    const code = await issue(owner, { maxAttempts: 3 });
    const attempts = await Promise.all(Array.from({ length: 20 }, () => store.verifyCode({ type, owner, code: wrongFor(code) })));
    const told = attempts.map(({ reason, attemptsLeft }) => `${reason} ${attemptsLeft}`).sort();
    expect(told).toEqual([...Array.from({ length: 17 }, () => 'locked 0'), 'wrong 0', 'wrong 1', 'wrong 2']);
    const right = await store.verifyCode({ type, owner, code });
    expect(right).toMatchObject({ valid: false, reason: 'locked' });
    expect(right.lockedUntil!.getTime()).toBeGreaterThan(Date.now());
    expect(JSON.stringify(right)).toBe('{"valid":false}');
    expect(await store.createCode({ type, owner })).toBeNull();
  });

  it('can be made again when the lock is over', async () => {
    const owner = newOwner();
    const code = await issue(owner, { maxAttempts: 1, ttl: '2s' });
    await store.verifyCode({ type, owner, code: wrongFor(code) });
    expect(await store.createCode({ type, owner })).toBeNull();
    const next = await until(() => store.createCode({ type, owner }), { what: 'the lock is over' });
    expect((await store.verifyCode({ type, owner, code: next.code })).valid).toBe(true);
  });

  it('gains no guesses by asking for new ones, and starts afresh after a success', async () => {
    const owner = newOwner();
    for (const left of [2, 1]) {
      const code = await issue(owner, { maxAttempts: 3 });
      expect((await store.verifyCode({ type, owner, code: wrongFor(code) })).attemptsLeft).toBe(left);
    }
    const code = await issue(owner, { maxAttempts: 3 });
    expect((await store.verifyCode({ type, owner, code })).valid).toBe(true);
    const fresh = await issue(owner, { maxAttempts: 3 });
    expect((await store.verifyCode({ type, owner, code: wrongFor(fresh) })).attemptsLeft).toBe(2);
  });

  it('replaces the one before of its owner and type, and no other', async () => {
    const [owner, neighbour] = [newOwner(), newOwner()];
    const first = await issue(owner, { length: 12 });
    const otherType = await store.createCode({ type: 'other', owner, length: 12 });
    const neighbours = await issue(neighbour, { length: 12 });
    const second = await issue(owner, { length: 12 });
    expect((await store.verifyCode({ type, owner, code: first })).reason).toBe('wrong');
    expect((await store.verifyCode({ type, owner: neighbour, code: second })).reason).toBe('wrong');
    expect((await store.verifyCode({ type, owner, code: second })).valid).toBe(true);
    expect((await store.verifyCode({ type: 'other', owner, code: otherType!.code })).valid).toBe(true);
    expect((await store.verifyCode({ type, owner: neighbour, code: neighbours })).valid).toBe(true);
  });

  it('gives the first answer again to a repeat of the same request', async () => {
    const owner = newOwner();
    const code = await issue(owner, { data: { n: 1 } });
    const attempt = { type, owner, code, requestId: 'attempt-1' };
    const first = await store.verifyCode(attempt);
    expect(await other.verifyCode(attempt)).toMatchObject({ valid: true, data: { n: 1 } });
    expect(first).toMatchObject({ valid: true, data: { n: 1 } });
    expect((await store.verifyCode({ ...attempt, requestId: 'attempt-2' })).reason).toBe('used');
    const wrong = { type, owner: newOwner(), requestId: 'attempt-3', code: '' };
    const theirs = await issue(wrong.owner);
    for (let n = 0; n < 3; n++) expect((await store.verifyCode({ ...wrong, code: wrongFor(theirs) })).attemptsLeft).toBe(4);
  });

  it('is asked for whatever the requestId was used for before', async () => {
    const owner = newOwner();
    const code = await issue(owner, { data: { n: 1 } });
    const attempt = { type, owner, requestId: 'of the form' };
    expect(await store.verifyCode({ ...attempt, code: wrongFor(code) })).toMatchObject({ reason: 'wrong', attemptsLeft: 4 });
    expect(await store.verifyCode({ ...attempt, code })).toMatchObject({ valid: true, data: { n: 1 } });
    const guess = await store.verifyCode({ ...attempt, code: wrongFor(wrongFor(code)) });
    expect(guess).toMatchObject({ valid: false, data: undefined, reason: 'wrong' });
    expect(await store.verifyCode({ ...attempt, code })).toMatchObject({ valid: true, data: { n: 1 } });
  });

  it('leaves no key without TTL, and neither the code nor its bare hash in Redis', async () => {
    const owner = newOwner();
    const prefix = uniquePrefix();
    const keyed = new TokenStore({ redis: redis.url, keyPrefix: prefix, secret: TEST_SECRET });
    const bare = new TokenStore({ redis: redis.url, keyPrefix: `${prefix}bare:` });
    // long, so that it does not stand in a time by chance
    const issued = await keyed.createCode({ type, owner, length: 12 });
    await bare.createCode({ type, owner });
    expect((await withoutTtl(redis)).filter((key) => key.startsWith(prefix))).toEqual([]);
    const kept = await ask(redis, async (client) => client.hgetall((await client.keys(`${prefix}c:*`))[0]!));
    expect(JSON.stringify(kept)).not.toContain(issued!.code);
    // without the key even the right code finds nothing
    const stolen = new TokenStore({ redis: redis.url, keyPrefix: prefix });
    expect((await stolen.verifyCode({ type, owner, code: issued!.code })).reason).toBe('wrong');
    await Promise.all([keyed.close(), bare.close(), stolen.close()]);
  });

  it('works with each of the keys that an instance knows', async () => {
    const owner = newOwner();
    const prefix = uniquePrefix();
    const connectionOf = (secret: string) => new TokenStore({ redis: redis.url, keyPrefix: prefix, secret });
    const [one, another] = [connectionOf(TEST_SECRET), connectionOf(`${TEST_SECRET}-other`)];
    const issued = await one.createCode({ type, owner });
    expect((await another.verifyCode({ type, owner, code: issued!.code })).reason).toBe('wrong');
    expect((await one.verifyCode({ type, owner, code: issued!.code })).valid).toBe(true);
    await Promise.all([one.close(), another.close()]);
  });

  it('survives SCRIPT FLUSH', async () => {
    const owner = newOwner();
    await ask(redis, (client) => client.script('FLUSH'));
    const code = await issue(owner);
    await ask(redis, (client) => client.script('FLUSH'));
    expect((await store.verifyCode({ type, owner, code })).valid).toBe(true);
  });

  it.each([
    ['length', { length: 3 }],
    ['length', { length: 13 }],
    ['length', { length: 6.5 }],
    ['maxAttempts', { maxAttempts: 0 }],
    ['maxAttempts', { maxAttempts: 101 }],
    ['ttl', { ttl: 0 }],
    ['ttl', { ttl: '10' }],
    ['ttl', { ttl: 'never' }],
    ['owner', { owner: '' }],
    ['type', { type: '\ud800' }],
    ['data', { data: [] }],
  ])('refuses a wrong %s: %j', async (argument, init) => {
    const refused = store.createCode({ type, owner: 'o', ...init });
    await expect(refused).rejects.toMatchObject({ name: 'InvalidArgumentError', argument });
    await expect(refused).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

/** Until the server's clock is so much further. */
async function afterNow(ms: number): Promise<void> {
  const now = async () => {
    const [seconds, micros] = await store.client.time();
    return Number(seconds) * 1000 + Number(micros) / 1000;
  };
  const end = (await now()) + ms;
  await until(async () => (await now()) > end, { what: `${ms} ms have passed` });
}
