import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import * as keyv from '../../lib/adapters/keyv/index.js';
import * as throttler from '../../lib/adapters/throttler/index.js';
import * as root from '../../lib/index.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { openServices, OPERATIONS, type Services } from '../support/operations/index.js';
import { publicMethods } from '../support/public-methods.js';
import { testOptions } from '../support/sessions.js';

/** What providers give out, and what a factory of this package makes. */
const ALSO = ['Lock', 'LoginAttempt', 'ModelAdapter'];
/** What goes wrong, and who answers for it: neither asks anybody. */
const NO_PROVIDERS = ['RedisAuthError', 'RedisAuthExceptionFilter'];

describe('the table of operations', () => {
  it('has every public method of everything that this package exports', () => {
    const exported = [root, keyv, throttler].flatMap((module) => Object.keys(module)).filter((name) => !NO_PROVIDERS.includes(name));
    const methods = publicMethods([...exported, ...ALSO]);
    const wanted = [...methods].flatMap(([type, names]) => names.map((name) => `${type}.${name}`));
    expect(wanted.length).toBeGreaterThan(100);
    const there = new Set(OPERATIONS.map(({ name }) => name.replace(/ \(.*\)$/, '')));
    expect(wanted.filter((name) => !there.has(name))).toEqual([]);
    expect([...there].filter((name) => !wanted.includes(name))).toEqual([]);
  });

  it('names each once', () => {
    const names = OPERATIONS.map(({ name }) => name);
    expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([]);
  });
});

describe('while all is well, each', () => {
  let on: Services;
  let other: Services;
  beforeAll(async () => {
    const options = { ...testOptions(), redis: inject('redisUrl'), keyPrefix: uniquePrefix() };
    [on, other] = await Promise.all([openServices(options), openServices(options)]);
  });
  afterAll(() => Promise.all([on.close(), other.close()]));

  it.each(OPERATIONS.map((operation) => [operation.name, operation] as const))('%s takes effect once', async (_name, operation) => {
    const untouched = await operation.prepare(on, operation.isBound ? on : other);
    expect(await untouched.effects?.(other)).toBe(untouched.effects && 0);
    const prepared = await operation.prepare(on, operation.isBound ? on : other);
    expect(operation.succeeded(await prepared.call())).toBe(true);
    expect(await prepared.effects?.(other)).toBe(prepared.effects && 1);
  });
});
