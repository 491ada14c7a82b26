import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { type StoredToken, TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { type CommandCounts, commandsDuring, commandStats } from '../../support/commands.js';
import { HOSTILE_VALUES } from '../../support/hostile-values.js';
import { openTokens, type TokensUnderTest } from '../../support/tokens.js';

type Call = (tokens: TokenStore, made: StoredToken) => Promise<unknown>;

let redis: TestRedis;
let on: TokensUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  on = await openTokens({ redis: redis.url, commandTimeout: 10_000 });
  // the server gets to know the scripts
  for (const custom of [false, true]) for (const [, call] of operations) await call(on.tokens, await make(custom));
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  await redis.stop();
});

let count = 0;
function make(custom = false): Promise<StoredToken> {
  const n = count++;
  return on.tokens.create({ type: 'key', owner: `owner-${n}`, data: { a: 1 }, ...(custom && { token: `mine-${n}` }) });
}

const ref = ({ type, token }: StoredToken) => ({ type, token });
const owner = ({ type, owner: whose }: StoredToken) => ({ type, owner: whose });
/** What it costs for a generated token, and for a custom one. */
const operations: [name: string, call: Call, generated: CommandCounts, custom: CommandCounts][] = [
  ['get', (tokens, made) => tokens.get(ref(made)), { evalsha: 1 }, { get: 1, evalsha: 1 }],
  ['update', (tokens, made) => tokens.update({ ...ref(made), data: { a: null, b: 2 } }), { evalsha: 1 }, { get: 1, evalsha: 1 }],
  ['refresh', (tokens, made) => tokens.refresh({ ...ref(made), ttl: '1h' }), { evalsha: 1 }, { evalsha: 2 }],
  ['refresh to never', (tokens, made) => tokens.refresh({ ...ref(made), ttl: 'never' }), { evalsha: 1 }, { evalsha: 2 }],
  ['delete', (tokens, made) => tokens.delete(ref(made)), { evalsha: 1 }, { get: 1, evalsha: 2 }],
  ['delete by id', (tokens, made) => tokens.delete({ type: made.type, id: made.id }), { evalsha: 1 }, { evalsha: 2 }],
  ['consume', (tokens, made) => tokens.consume(ref(made)), { evalsha: 1 }, { get: 1, evalsha: 2 }],
  ['consume with a requestId', (tokens, made) => tokens.consume({ ...ref(made), requestId: 'r' }), { evalsha: 1 }, { get: 1, evalsha: 2 }],
  ['count', (tokens, made) => tokens.count(owner(made)), { evalsha: 1 }, { evalsha: 1 }],
  ['list', (tokens, made) => tokens.list(owner(made)), { evalsha: 1 }, { evalsha: 1 }],
  ['deleteAll', (tokens, made) => tokens.deleteAll(owner(made)), { evalsha: 1 }, { evalsha: 2 }],
  ['deleteAll of every type', (tokens, made) => tokens.deleteAll({ owner: made.owner }), { evalsha: 1 }, { evalsha: 2 }],
];

describe('one command, which is one round trip, for', () => {
  it.each(operations)('%s', async (_name, call, expected) => {
    const made = await make();
    expect((await commandsDuring(redis, () => call(on.tokens, made))).sent).toEqual(expected);
  });

  it.each([
    ['create', {}],
    ['create with a requestId', { requestId: 'r' }],
    ['create without an end', { ttl: 'never' }],
  ] as const)('%s', async (_name, init) => {
    const { sent } = await commandsDuring(redis, () => on.tokens.create({ type: 'key', owner: 'ann', ...init }));
    expect(sent).toEqual({ evalsha: 1 });
  });

  it('what is not there', async () => {
    const gone = await make();
    await on.tokens.delete(ref(gone));
    const { sent } = await commandsDuring(redis, async () => {
      expect(await on.tokens.get(ref(gone))).toBeNull();
      expect(await on.tokens.update({ ...ref(gone), data: { a: 1 } })).toBeNull();
      expect(await on.tokens.refresh({ ...ref(gone), ttl: 1 })).toBe(false);
      expect(await on.tokens.delete(ref(gone))).toBe(false);
      expect(await on.tokens.consume(ref(gone))).toBeNull();
    });
    expect(sent).toEqual({ evalsha: 5 });
  });
});

describe('with a custom token', () => {
  it.each(operations)('two commands for create; %s', async (_name, call, _generated, expected) => {
    const { sent, result } = await commandsDuring(redis, () => make(true));
    expect(sent).toEqual({ evalsha: 2 });
    expect((await commandsDuring(redis, () => call(on.tokens, result))).sent).toEqual(expected);
  });

  it('two more for create where the token was used before and left its pointer behind', async () => {
    const made = await make(true);
    const key = `${on.keyPrefix}k:{${made.id.slice(0, 6)}}${made.id.slice(6)}`;
    await ask(redis, (client) => client.del(key));
    const init = { type: 'key', owner: made.owner, token: made.token };
    expect((await commandsDuring(redis, () => on.tokens.create(init))).sent).toEqual({ evalsha: 4 });
    await on.tokens.delete(ref(made));
    expect((await commandsDuring(redis, () => on.tokens.create(init))).sent).toEqual({ evalsha: 2 });
  });

  it('four where it is taken, and one where it is unknown', async () => {
    const made = await make(true);
    const taken = await commandsDuring(redis, () =>
      on.tokens.create({ type: 'key', owner: 'bob', token: made.token }).catch((error: { code: string }) => error.code),
    );
    expect(taken).toMatchObject({ sent: { evalsha: 4 }, result: 'ERR_REDIS_AUTH_TOKEN_EXISTS' });
    const unknown = { type: 'key', token: 'never seen' };
    expect((await commandsDuring(redis, () => on.tokens.get(unknown))).sent).toEqual({ get: 1 });
    expect((await commandsDuring(redis, () => on.tokens.refresh({ ...unknown, ttl: 1 }))).sent).toEqual({ evalsha: 1 });
  });

  it('a third for refresh where it was never to end and now is', async () => {
    const made = await make(true);
    await on.tokens.refresh({ ...ref(made), ttl: 'never' });
    expect((await commandsDuring(redis, () => on.tokens.refresh({ ...ref(made), ttl: '1h' }))).sent).toEqual({ evalsha: 3 });
    expect((await commandsDuring(redis, () => on.tokens.refresh({ ...ref(made), ttl: '2h' }))).sent).toEqual({ evalsha: 2 });
  });
});

describe('list and deleteAll of many', () => {
  it('list: one command for each page of 250, or for the page that was asked for', async () => {
    await Promise.all(Array.from({ length: 600 }, () => on.tokens.create({ type: 'key', owner: 'many' })));
    const all = await commandsDuring(redis, () => on.tokens.list({ type: 'key', owner: 'many' }));
    expect([all.sent, all.result.length]).toEqual([{ evalsha: 3 }, 600]);
    const page = await commandsDuring(redis, () => on.tokens.list({ type: 'key', owner: 'many', limit: 50, after: all.result[99]! }));
    expect([page.sent, page.result.length]).toEqual([{ evalsha: 1 }, 50]);
  });

  it('list: one command for each half a megabyte, so that none keeps Redis long', async () => {
    const data = { text: 'x'.repeat(16_000) };
    await Promise.all(Array.from({ length: 100 }, () => on.tokens.create({ type: 'key', owner: 'fat', data })));
    const { sent, result } = await commandsDuring(redis, () => on.tokens.list({ type: 'key', owner: 'fat' }));
    expect([sent, result.length]).toEqual([{ evalsha: 4 }, 100]);
  });

  it('deleteAll: one command for each 500', async () => {
    await Promise.all(Array.from({ length: 1_700 }, () => on.tokens.create({ type: 'key', owner: 'more' })));
    const { sent, result } = await commandsDuring(redis, () => on.tokens.deleteAll({ type: 'key', owner: 'more' }));
    expect({ sent, result }).toEqual({ sent: { evalsha: 4 }, result: 1_700 });
  });
});

describe('no command for', () => {
  const OF = { type: 'key', owner: 'ann' };
  const bad = Object.entries(HOSTILE_VALUES).filter(([, value]) => typeof value !== 'string' && value !== undefined);
  const wrong: Record<string, Call> = {
    ...Object.fromEntries(
      [...bad, ['empty', ''], ['lone surrogate', 'ann\ud800'], ['257 bytes', 'x'.repeat(257)]].flatMap(([what, value]) =>
        ['type', 'owner', 'app', 'requestId'].map((name) => [
          `create, ${name}: ${what}`,
          (tokens: TokenStore) => tokens.create({ ...OF, [name as 'type']: value as string }),
        ]),
      ),
    ),
    'a token in the form of a generated one': (tokens, { token }) => tokens.create({ ...OF, token }),
    'a token over 8 kB': (tokens) => tokens.get({ type: 'key', token: 'x'.repeat(8_193) }),
    'an empty token': (tokens) => tokens.consume({ type: 'key', token: '' }),
    'no token and no id': (tokens) => tokens.delete({ type: 'key' } as never),
    'no arguments': (tokens) => tokens.create(undefined as never),
    'a type of null where all types could be meant': (tokens) => tokens.deleteAll({ owner: 'ann', type: null as never }),
    'no owner of all types': (tokens) => tokens.deleteAll({} as never),
    'data that is a list': (tokens) => tokens.create({ ...OF, data: [] }),
    'data that JSON cannot hold': (tokens) => tokens.create({ ...OF, data: { n: Number.NaN } }),
    'data of more than 16 kB': (tokens) => tokens.create({ ...OF, data: { a: 'x'.repeat(16_384) } }),
    'an update without data': (tokens, made) => tokens.update(ref(made) as never),
    'a ttl of 0': (tokens) => tokens.create({ ...OF, ttl: 0 }),
    'a refresh without a ttl': (tokens, made) => tokens.refresh(ref(made) as never),
    'a limit of 0': (tokens) => tokens.list({ ...OF, limit: 0 }),
    'a place that is none': (tokens) => tokens.list({ ...OF, after: { id: '*', expiresAt: null } }),
    'a place without an expiry': (tokens, { id }) => tokens.list({ ...OF, after: { id } as never }),
    'an id that is no text': (tokens) => tokens.delete({ type: 'key', id: 5 as never }),
  };

  it('an argument that is refused, with an InvalidArgumentError', async () => {
    const made = await make();
    const { total, result } = await commandsDuring(redis, () =>
      Promise.all(
        Object.entries(wrong).map(async ([name, call]) => {
          const code: unknown = await call(on.tokens, made).then(
            () => 'resolved',
            (error: { code?: unknown }) => error.code ?? error,
          );
          return [name, code] as const;
        }),
      ),
    );
    expect(result.length).toBeGreaterThan(60);
    expect(result.filter(([, code]) => code !== 'ERR_REDIS_AUTH_INVALID_ARGUMENT')).toEqual([]);
    expect(total).toBe(0);
    expect(await on.tokens.get(ref(made))).not.toBeNull();
  });

  it('an id that none can be', async () => {
    const { total } = await commandsDuring(redis, async () => {
      for (const id of ['x', '*', 'x'.repeat(27), 'x'.repeat(30), `${'x'.repeat(27)}{`]) {
        expect(await on.tokens.delete({ type: 'key', id })).toBe(false);
      }
    });
    expect(total).toBe(0);
  });
});

it('S15 there is no KEYS and no SCAN on any path, and a call costs the same however many tokens there are', async () => {
  const costs = async (): Promise<CommandCounts[]> => {
    const found: CommandCounts[] = [];
    for (const [, call] of operations) {
      const made = await make();
      found.push((await commandsDuring(redis, () => call(on.tokens, made))).inScripts);
    }
    return found;
  };
  const few = await costs();
  await Promise.all(Array.from({ length: 1_000 }, () => make()));
  expect(await costs()).toEqual(few);
  const used = Object.keys(await commandStats(redis));
  expect(used).toContain('evalsha');
  expect(used.filter((name) => /^(keys|(h|s|z)?scan|flush\w+|sort|smembers|hgetall)$/.test(name))).toEqual([]);
});
