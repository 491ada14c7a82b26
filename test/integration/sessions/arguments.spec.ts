import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidTokenError } from '../../../lib/errors/index.js';
import type { SessionInit, SessionService } from '../../../lib/sessions/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandStats, growth } from '../../support/commands.js';
import { HOSTILE_VALUES, isId } from '../../support/hostile-values.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';

/** Has the form of a session's id, and is none. */
const UNKNOWN = 'Ab3_-9abcdefghijklmnopqrstuv';
const DATA = { kept: true };

let redis: TestRedis;
let on: SessionsUnderTest;
let s: SessionService;

beforeAll(async () => {
  redis = await startRedis();
  on = await openSessions({ redis: redis.url, sessions: { limit: 3 } });
  s = on.sessions;
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  await redis.stop();
});

/** What the server was asked to do, our own questions aside. */
async function work(): Promise<Record<string, number>> {
  const all = Object.entries(await commandStats(redis));
  return Object.fromEntries(all.filter(([name]) => !['info', 'dbsize', 'hello'].includes(name) && !name.startsWith('client|')));
}

/** What a call with the value came to: how it was refused, or `resolved`. */
async function outcome(call: (value: never) => Promise<unknown>, value: unknown): Promise<string> {
  try {
    const result = await call(value as never);
    return result === null || result === false || result === 0 ? 'resolved to nothing' : 'resolved';
  } catch (error) {
    if (error instanceof InvalidArgumentError) return `refused: ${error.argument}`;
    if (error instanceof InvalidTokenError) return `token: ${error.reason}`;
    throw error;
  }
}

/** Calls with every hostile value; those refused must have sent nothing. */
async function refusals(call: (value: never) => Promise<unknown>, values = HOSTILE_VALUES): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) outcomes[name] = await outcome(call, value);
  const refused = Object.keys(outcomes).filter((name) => !outcomes[name]!.startsWith('resolved'));
  const before = await work();
  for (const name of refused) await outcome(call, values[name]);
  expect(growth(before, await work()), `commands for ${refused.join(', ')}`).toEqual({});
  return outcomes;
}

const expectEach = (outcomes: Record<string, string>, expected: (value: unknown) => string | RegExp): void => {
  for (const [name, found] of Object.entries(outcomes)) {
    const wanted = expected(HOSTILE_VALUES[name]);
    if (typeof wanted === 'string') expect(found, name).toBe(wanted);
    else expect(found, name).toMatch(wanted);
  }
};

describe('whatever stands in place of an argument', () => {
  let neighbours: Map<string, Buffer>;
  let tokens: string[];
  const dump = (): Promise<Map<string, Buffer>> =>
    ask(redis, async (client) => {
      const all = (await client.keys('*')).filter((name) => neighbours === undefined || neighbours.has(name));
      // the feed tells of whatever is revoked
      const names = all.filter((name) => !name.includes('f:{feed}')).sort();
      return new Map(await Promise.all(names.map(async (name) => [name, await client.dumpBuffer(name)] as const)));
    });

  beforeAll(async () => {
    const init: SessionInit = { claims: { a: 1 }, data: DATA, device: { name: 'phone' }, scopes: ['read'] };
    const made = [await s.create('ann', init), await s.create('ann', { ...init, tenant: 'acme' }), await s.create('acme', init)];
    tokens = made.map(({ accessToken }) => accessToken);
    neighbours = await dump();
    expect(neighbours.size).toBe(3 + 3 + 1);
  });

  afterAll(async () => {
    // Byte for byte as they were, after everything below.
    expect([...(await dump())].map(([name, bytes]) => [name, bytes.toString('latin1')])).toEqual(
      [...neighbours].map(([name, bytes]) => [name, bytes.toString('latin1')]),
    );
    for (const token of tokens) await expect(s.verify(token, { data: true })).resolves.toMatchObject({ data: DATA });
  });

  describe('S3 an id that is required is refused before any command, or is somebody else’s', () => {
    it.each<[string, string, (value: never) => Promise<unknown>]>([
      ['create', 'userId', (value) => s.create(value)],
      ['list', 'userId', (value) => s.list(value)],
      ['count', 'userId', (value) => s.count(value)],
      ['revokeAll', 'userId', (value) => s.revokeAll(value)],
      ['revokeTenant', 'tenant', (value) => s.revokeTenant(value).then(() => true)],
    ])('%s(%s)', async (_method, argument, call) => {
      expectEach(await refusals(call), (value) => (isId(value) ? /^resolved/ : `refused: ${argument}`));
    });
  });

  describe('S3 an id that may be left out, likewise', () => {
    it.each<[string, string, (value: never) => Promise<unknown>]>([
      ['create', 'tenant', (tenant) => s.create('bob', { tenant })],
      ['create', 'init.requestId', (requestId) => s.create('bob', { requestId })],
      ['list', 'tenant', (tenant) => s.list('bob', { tenant })],
      ['count', 'tenant', (tenant) => s.count('bob', { tenant })],
      ['revokeAll', 'tenant', (tenant) => s.revokeAll('bob', { tenant })],
      ['revokeAll', 'opts.except', (except) => s.revokeAll('bob', { except })],
      ['revoke', 'reason', (reason) => s.revoke(UNKNOWN, reason)],
    ])('%s(%s)', async (_method, argument, call) => {
      expectEach(await refusals(call), (value) => (value === undefined || isId(value) ? /^resolved/ : `refused: ${argument}`));
    });
  });

  it.each<[string, (value: never) => Promise<unknown>]>([
    ['get', (value) => s.get(value)],
    ['update', (value) => s.update(value, { a: 1 })],
    ['touch', (value) => s.touch(value)],
    ['regenerate', (value) => s.regenerate(value)],
    ['reauthenticated', (value) => s.reauthenticated(value)],
    ['revoke', (value) => s.revoke(value)],
  ])('%s(sessionId) is refused, or finds nothing, and costs no command', async (_method, call) => {
    const before = await work();
    expectEach(await refusals(call), (value) => (isId(value) ? 'resolved to nothing' : 'refused: sessionId'));
    expect(growth(before, await work())).toEqual({});
  });

  it.each<[string, string, (value: never) => Promise<unknown>]>([
    ['verify', 'accessToken', (value) => s.verify(value)],
    ['verify with data', 'accessToken', (value) => s.verify(value, { data: true })],
    ['refresh', 'refreshToken', (value) => s.refresh(value)],
  ])('%s(token) is no token, and costs no command', async (_method, argument, call) => {
    expectEach(await refusals(call), (value) => (typeof value === 'string' ? 'token: malformed' : `refused: ${argument}`));
  });

  it('logout(token) is false for what is no token, and costs no command', async () => {
    const before = await work();
    expectEach(await refusals((value) => s.logout(value)), (value) =>
      typeof value === 'string' ? 'resolved to nothing' : 'refused: token',
    );
    expect(growth(before, await work())).toEqual({});
  });

  describe('an object', () => {
    const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

    it.each<[string, string, (value: never) => Promise<unknown>]>([
      ['create', 'init', (init) => s.create('cat', init)],
      ['get', 'opts', (opts) => s.get(UNKNOWN, opts)],
      ['list', 'opts', (opts) => s.list('cat', opts)],
      ['count', 'opts', (opts) => s.count('cat', opts)],
      ['update', 'opts', (opts) => s.update(UNKNOWN, {}, opts)],
      ['revokeAll', 'opts', (opts) => s.revokeAll('cat', opts)],
    ])('%s(%s) is one, or left out', async (_method, argument, call) => {
      expectEach(await refusals(call), (value) => (value === undefined || isObject(value) ? /^resolved/ : `refused: ${argument}`));
    });

    it('revokeAll with a session id in place of its options ends nothing', async () => {
      const { sessionId } = await s.create('cat');
      await expect(s.revokeAll('cat', sessionId as never)).rejects.toMatchObject({ argument: 'opts' });
      expect(await s.get(sessionId)).not.toBeNull();
    });

    it.each(['verify', 'refresh'] as const)('%s(opts) is one, or left out', async (method) => {
      const { accessToken, refreshToken } = await s.create('cat');
      for (const [name, opts] of Object.entries(HOSTILE_VALUES)) {
        const call = (value: never): Promise<unknown> =>
          method === 'verify' ? s.verify(accessToken, value) : s.refresh(refreshToken, value);
        expect(await outcome(call, opts), name).toBe(opts === undefined || isObject(opts) ? 'resolved' : 'refused: opts');
      }
    });

    it.each<[string, string, (value: never) => Promise<unknown>]>([
      ['create', 'init.claims', (claims) => s.create('cat', { claims })],
      ['create', 'init.data', (data) => s.create('cat', { data })],
      ['update', 'data', (data) => s.update(UNKNOWN, data)],
      ['create', 'init.device', (device) => s.create('cat', { device })],
    ])('%s(%s) is one, of plain data', async (_method, argument, call) => {
      expectEach(await refusals(call), (value) => {
        if (value === undefined && argument !== 'data') return 'resolved';
        // Objects after all, whose fields count.
        if (Buffer.isBuffer(value) || value instanceof String) return argument === 'init.device' ? /^refused/ : /./;
        return new RegExp(`^refused: ${argument.replace('.', '\\.')}`);
      });
    });

    it('refresh(opts.claims) is one', async () => {
      const { refreshToken } = await s.create('cat');
      expectEach(await refusals((claims) => s.refresh(refreshToken, { claims })), (value) =>
        value === undefined || Buffer.isBuffer(value) ? 'resolved' : 'refused: opts.claims',
      );
    });
  });

  it.each(['get', 'list', 'verify'] as const)('%s(opts.data) is a boolean, or left out', async (method) => {
    const { accessToken, sessionId } = await s.create('dan');
    const calls = {
      get: (data: never) => s.get(sessionId, { data }),
      list: (data: never) => s.list('dan', { data }),
      verify: (data: never) => s.verify(accessToken, { data }),
    };
    expectEach(await refusals(calls[method]), (value) =>
      value === undefined || typeof value === 'boolean' ? 'resolved' : 'refused: opts.data',
    );
  });

  it('update(opts.ifVersion) is an integer, or left out', async () => {
    const numbers = { ...HOSTILE_VALUES, fraction: 1.5, infinite: Infinity, unsafe: 2 ** 53, text: '1' };
    const outcomes = await refusals((ifVersion) => s.update(UNKNOWN, {}, { ifVersion }), numbers);
    const resolved = Object.keys(outcomes).filter((name) => !outcomes[name]!.startsWith('refused: opts.ifVersion'));
    expect(resolved).toEqual(['undefined', 'number']);
  });
});

describe('durations of a sign-in', () => {
  it.each(['accessTokenTtl', 'idleTimeout', 'absoluteTimeout'] as const)(
    'S8 %s: a wrong one is refused before anything is issued or stored',
    async (name) => {
      const wrong = [
        '',
        ' ',
        '5',
        'soon',
        '-1s',
        '1 fortnight',
        '0s',
        '0.1 ms',
        '1e3s',
        '5m5s',
        0,
        -1,
        Number.NaN,
        Infinity,
        null,
        true,
        [],
        {},
        '1y',
        '1000 years',
      ];
      const before = await work();
      for (const value of wrong) {
        await expect(s.create('eve', { [name]: value }), String(value)).rejects.toMatchObject({
          code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT',
          argument: `init.${name}`,
        });
      }
      expect(growth(before, await work())).toEqual({});
      expect(await s.count('eve')).toBe(0);
    },
  );

  it('those that are right and at most the module’s are taken', async () => {
    for (const value of ['1s', '15m', '15 minutes', 900, 1.5, '500 ms', '0.5h'] as const) {
      const init = value === '0.5h' ? { idleTimeout: value, absoluteTimeout: value } : { accessTokenTtl: value };
      await s.verify((await s.create('eve', init)).accessToken);
    }
    await expect(s.create('eve', { accessTokenTtl: '15m 1s' as never })).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(s.create('eve', { accessTokenTtl: 901 })).rejects.toThrow("must be at most the module's");
  });
});

describe('claims, scopes and device', () => {
  let before: Record<string, number>;
  let keys: number;
  beforeEach(async () => {
    before = await work();
    keys = await ask(redis, (client) => client.dbsize());
  });
  const nothingHappened = async (): Promise<void> => {
    expect(growth(before, await work())).not.toHaveProperty('evalsha');
    expect(await ask(redis, (client) => client.dbsize())).toBe(keys);
  };

  it.each(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'sid', 'scope', 'client_id', 'auth_time', 'tenant', 'ns', 'cnf', 'act'])(
    'the registered name %s is refused as a claim, however it gets there',
    async (name) => {
      const hidden = { toJSON: () => ({ [name]: 'x' }) };
      for (const claims of [{ [name]: 'x' }, { [name]: null }, hidden]) {
        await expect(s.create('fay', { claims })).rejects.toMatchObject({ argument: 'init.claims' });
      }
      await nothingHappened();
      const { refreshToken } = await s.create('fay');
      await expect(s.refresh(refreshToken, { claims: { [name]: 1 } })).rejects.toMatchObject({ argument: 'opts.claims' });
      expect((await s.verify((await s.refresh(refreshToken)).accessToken)).claims).toEqual({});
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['a BigInt', { a: 1n }],
    [
      'something circular',
      Object.assign(
        { a: {} },
        {
          a: {
            get self() {
              return this;
            },
          },
        },
      ),
    ],
    ['a function', { a: () => 1 }],
    ['a function deep inside', { a: [{ b: () => 1 }] }],
    ['a symbol', { a: Symbol('x') }],
    ['NaN', { a: { b: Number.NaN } }],
    ['Infinity', { a: [Infinity] }],
  ])('%s is refused as a claim and as data, since it would not come back', async (_what, value) => {
    const wrong: (() => Promise<unknown>)[] = [
      () => s.create('gus', { claims: value }),
      () => s.create('gus', { data: value }),
      () => s.update(UNKNOWN, value),
    ];
    for (const call of wrong) await expect(call()).rejects.toBeInstanceOf(InvalidArgumentError);
    await nothingHappened();
  });

  it('claims over 4 kB and data over 16 kB of JSON are refused, what fits is taken', async () => {
    const text = (bytes: number): Record<string, string> => ({ a: 'é'.repeat((bytes - 8) / 2) });
    await expect(s.create('hal', { claims: text(4098) })).rejects.toThrow('at most 4096 bytes');
    await expect(s.create('hal', { data: text(16_386) })).rejects.toThrow('at most 16384 bytes');
    await expect(s.update(UNKNOWN, text(16_386))).rejects.toThrow('at most 16384 bytes');
    await expect(s.update(UNKNOWN, { ['n'.repeat(17_000)]: null })).rejects.toThrow('at most 16384 bytes');
    await nothingHappened();
    const { accessToken, refreshToken } = await s.create('hal', { claims: text(4096), data: text(16_380) });
    await s.verify(accessToken);
    await expect(s.refresh(refreshToken, { claims: text(4098) })).rejects.toThrow('at most 4096 bytes');
    await s.refresh(refreshToken, { claims: text(4096) });
  });

  it('claims and scopes that would make a token over 8 kB are refused', async () => {
    const scopes = Array.from({ length: 9 }, (_, n) => `${n}`.repeat(110));
    const identity = ['\0'.repeat(256), { tenant: '\0'.repeat(256), scopes, claims: { a: 'x'.repeat(4000) } }] as const;
    await expect(s.create(identity[0], { ...identity[1], scopes: [...scopes] })).rejects.toThrow(/access token of \d+ bytes/);
    await nothingHappened();
  });

  it('claims that would make the token of a refresh larger than 8 kB are refused before anything is rotated', async () => {
    const { refreshToken, sessionId } = await s.create('\u0001'.repeat(256), {
      tenant: '\u0001'.repeat(256),
      scopes: ['x'.repeat(1000)],
      claims: { role: 'user' },
    });
    await expect(s.refresh(refreshToken, { claims: { a: 'x'.repeat(4000) } })).rejects.toMatchObject({ argument: 'opts.claims' });
    expect((await s.get(sessionId))?.generation).toBe(1);
    const { accessToken } = await s.refresh(refreshToken);
    expect((await s.verify(accessToken)).claims).toEqual({ role: 'user' });
  });

  it('scopes are tokens by RFC 6749, within 1 kB', async () => {
    const wrong = [
      null,
      'read',
      {},
      1,
      [1],
      [null],
      [''],
      ['two words'],
      ['quo"te'],
      ['back\\slash'],
      ['new\nline'],
      ['ümlaut'],
      ['\ud800'],
      ['x\0'],
    ];
    for (const scopes of [...wrong, ['x'.repeat(1025)], Array.from({ length: 600 }, (_, n) => `${n}`)]) {
      await expect(s.create('ivy', { scopes: scopes as never }), JSON.stringify(scopes)).rejects.toMatchObject({ argument: 'init.scopes' });
    }
    await nothingHappened();
    const right = ['read', 'a:b', '*', '{x}', "it's", '__proto__', 'https://x/y?z#f', '~'];
    const { accessToken, sessionId } = await s.create('ivy', { scopes: [...right, 'read'] });
    expect((await s.verify(accessToken)).scopes).toEqual(right);
    expect((await s.get(sessionId))?.scopes).toEqual(right);
  });

  it('device holds name, ip and userAgent, text of at most 1 kB, and gives back what it was given', async () => {
    const wrong: unknown[] = [
      { os: 'x' },
      { name: 1 },
      { ip: null },
      { userAgent: 'x'.repeat(1025) },
      { name: '\udc00' },
      { ['__proto__']: 1, toString: 'x' },
    ];
    for (const device of wrong) await expect(s.create('joe', { device: device as never })).rejects.toBeInstanceOf(InvalidArgumentError);
    await nothingHappened();
    const device = { name: 'Ann’s “phone”\n{*}', ip: '2001:db8::1', userAgent: 'x'.repeat(1024) };
    expect((await s.get((await s.create('joe', { device })).sessionId))?.device).toEqual(device);
    const empty = await s.get((await s.create('joe', { device: { name: '', ip: undefined as never } })).sessionId);
    expect(empty?.device).toEqual({});
  });
});
