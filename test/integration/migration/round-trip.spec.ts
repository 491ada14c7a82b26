import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ImportRecord,
  type ImportSummary,
  type SkipNotice,
  type TokenRecord,
  fromNdjson,
  TokenMigration,
  toNdjson,
} from '../../../lib/migration/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { type NewToken, type StoredToken, TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../../support/ask.js';
import { ClusterSetup } from '../../support/cluster.js';
import { commandsDuring } from '../../support/commands.js';
import { expiryTimes } from '../../support/expiry-times.js';
import { HOSTILE_VALUES, isId } from '../../support/hostile-values.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { withoutTtl } from '../../support/without-ttl.js';

interface Place extends AsyncDisposable {
  readonly store: TokenStore;
  readonly migration: TokenMigration;
}

function at(redis: string, keyPrefix = uniquePrefix()): Place {
  // hundreds are made at once
  const options = { redis, keyPrefix, secret: TEST_SECRET, commandTimeout: 10_000 };
  const store = new TokenStore(options);
  const migration = new TokenMigration(options);
  return {
    store,
    migration,
    async [Symbol.asyncDispose]() {
      await Promise.all([store.close(), migration.close()]);
    },
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const hostileIds = Object.values(HOSTILE_VALUES).filter((value): value is string => isId(value));

/** One of every kind, and an owner with several pages. */
const everything: (NewToken & { data?: Record<string, unknown> })[] = [
  { type: 'api-key', owner: 'ann', ttl: 'never' },
  { type: 'reset', owner: 'ann', ttl: '10m', data: { mail: 'ann@example.org', nested: { list: [], null: null, big: 1e21 } } },
  { type: 'reset', owner: 'ann', ttl: '20m', token: 'of my own' },
  { type: 'api-key', owner: 'ben', app: 'other', ttl: 'never', token: 'eternal' },
  { type: 'data', owner: 'ann', ttl: '1h', data: JSON.parse('{"__proto__":1,"\\u0000":"\\n","é":"👩‍👩‍👧"}') as Record<string, unknown> },
  ...hostileIds.map((id) => ({ type: id, owner: id, app: id, ttl: 3600, token: `token of ${id}` })),
  ...Array.from({ length: 700 }, (_, n) => ({ type: 'many', owner: 'cleo', ttl: 600 + n })),
];

async function createAll(store: TokenStore): Promise<StoredToken[]> {
  return Promise.all(everything.map((init) => store.create<Record<string, unknown>>(init)));
}

/** What a holder of the token gets, its life apart. */
async function found(store: TokenStore, { token, type, app }: StoredToken) {
  return store.get({ token, type, app });
}

let redis: TestRedis;
let other: TestRedis;
let cluster: ClusterSetup;
beforeAll(async () => {
  [redis, other, cluster] = await Promise.all([startRedis(), startRedis(), ClusterSetup.start()]);
});
afterAll(() => Promise.all([redis.stop(), other.stop(), cluster.stop()]));

describe.each([
  { from: 'one server', to: 'another', urls: () => [redis.url, other.url] },
  { from: 'a Cluster', to: 'one server', urls: () => [cluster.url, redis.url] },
  { from: 'one server', to: 'a Cluster', urls: () => [redis.url, cluster.url] },
])('from $from to $to', ({ urls }) => {
  it('T2 T3 every token is found by itself, with owner, data, id and life', async () => {
    const [fromUrl, toUrl] = urls() as [string, string];
    await using from = at(fromUrl);
    await using to = at(toUrl);
    const tokens = await createAll(from.store);
    const summary = await to.migration.importTokens(fromNdjson(toNdjson(from.migration.exportTokens())));
    expect(summary).toEqual({ read: tokens.length, imported: tokens.length, present: 0, skipped: {} } satisfies ImportSummary);
    for (const token of tokens) expect(await found(to.store, token)).toEqual(token);
  });
});

describe('exportTokens', () => {
  it('S15 asks no KEYS, a page at a time, and writes nothing', async () => {
    await using source = await startRedis();
    await using from = at(source.url);
    await createAll(from.store);
    const { result, sent, inScripts } = await commandsDuring(source, () => all(from.migration.exportTokens()));
    expect(result).toHaveLength(everything.length);
    expect(Object.keys(sent).sort()).toEqual(['info', 'mget', 'scan', 'zscan']);
    expect(inScripts).toEqual({});
  });

  it.each(['near*:', 'near?:', '[a-z]ear*:', 'near\\*:', 'NEAR*:'])(
    'S2 gives no token of another prefix, which is %j',
    async (keyPrefix) => {
      await using from = at(redis.url, keyPrefix);
      await using near = at(redis.url, 'near-by:');
      await near.store.create({ type: 'reset', owner: 'ben' });
      await from.store.create({ type: 'reset', owner: 'ann' });
      expect(await all(from.migration.exportTokens())).toMatchObject([{ owner: 'ann' }]);
    },
  );

  it('gives no token that was deleted, alone or with all of its owner', async () => {
    await using from = at(redis.url);
    const tokens = await createAll(from.store);
    await from.store.deleteAll({ type: 'many', owner: 'cleo' });
    const { type, token } = tokens[0]!;
    await from.store.delete({ type, token });
    const left = await all(from.migration.exportTokens());
    expect(left).toHaveLength(tokens.length - 701);
  });

  it('ends with its signal, and rejects with a typed error where there is no Redis', async () => {
    await using from = at(redis.url);
    await createAll(from.store);
    const controller = new AbortController();
    const taking = async (): Promise<void> => {
      for await (const _ of from.migration.exportTokens({ signal: controller.signal })) controller.abort(new Error('enough'));
    };
    await expect(taking()).rejects.toThrow('enough');
    await using nowhere = at('/nowhere/redis.sock');
    await expect(all(nowhere.migration.exportTokens())).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
  });
});

describe('what is left of a life', () => {
  it('T3 is the same within a second, of record, index and pointer; never stays never', async () => {
    await using source = await startRedis();
    await using target = await startRedis();
    await using from = at(source.url, 'same:');
    await using to = at(target.url, 'same:');
    await createAll(from.store);
    await to.migration.importTokens(from.migration.exportTokens());
    const before = await expiryTimes(source);
    const after = await expiryTimes(target);
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [key, expires] of before) expect(Math.abs(after.get(key)! - expires), key).toBeLessThan(1_000);
    expect((await withoutTtl(target)).sort()).toEqual((await withoutTtl(source)).sort());
  });

  it('T3 what has ended meanwhile is left out', async () => {
    await using from = at(redis.url);
    await using to = at(other.url);
    const { type } = await from.store.create({ type: 'reset', owner: 'ann', ttl: '10m' });
    const [record] = await all(from.migration.exportTokens());
    expect(await to.migration.importTokens([{ ...record!, expiresAt: Date.now() - 1 }])).toMatchObject({ skipped: { expired: 1 } });
    expect(await to.store.count({ type, owner: 'ann' })).toBe(0);
  });
});

describe('a second import', () => {
  it('doubles nothing and changes nothing', async () => {
    await using from = at(redis.url);
    await using to = at(other.url);
    const tokens = await createAll(from.store);
    const records = await all(from.migration.exportTokens());
    await to.migration.importTokens(records);
    const before = await ask(other, (client) => client.dbsize());
    const again = await to.migration.importTokens([...records, ...records.slice(0, 9)]);
    expect(again).toEqual({ read: tokens.length + 9, imported: 0, present: tokens.length + 9, skipped: {} });
    expect(await ask(other, (client) => client.dbsize())).toBe(before);
    expect(await to.store.count({ type: 'many', owner: 'cleo' })).toBe(700);
    for (const token of tokens.slice(0, 50)) expect(await found(to.store, token)).toEqual(token);
  });

  it('leaves what was changed since as it is: data, life, and that of a custom token', async () => {
    await using from = at(redis.url);
    await using to = at(other.url);
    const made = await from.store.create({ type: 'reset', owner: 'ann', ttl: '10m', token: 'mine', data: { step: 1 } });
    const records = await all(from.migration.exportTokens());
    await to.migration.importTokens(records);
    await to.store.update({ ...made, data: { step: 2 } });
    await to.store.refresh({ ...made, ttl: 'never' });
    expect(await to.migration.importTokens(records)).toMatchObject({ imported: 0, present: 1 });
    expect(await found(to.store, made)).toMatchObject({ data: { step: 2 }, expiresAt: null });
    const lives = await ask(other, async (client) => Promise.all((await client.keys(`*p:{*`)).map((key) => client.ttl(key))));
    expect(lives).toContain(-1);
  });

  it('stores what is missing: a record, a pointer, an index', async () => {
    await using source = await startRedis();
    await using target = await startRedis();
    await using from = at(source.url);
    await using to = at(target.url);
    const tokens = await createAll(from.store);
    const records = await all(from.migration.exportTokens());
    await to.migration.importTokens(records);
    await ask(target, async (client) => {
      const keys = (await client.keys('*')).sort();
      await client.del(keys.filter((_, n) => n % 3 === 0));
    });
    await to.migration.importTokens(records);
    for (const token of tokens) expect(await found(to.store, token)).toEqual(token);
  });
});

describe('a dry run', () => {
  it('counts what an import would do, and writes nothing', async () => {
    await using target = await startRedis();
    await using from = at(redis.url);
    await using to = at(target.url);
    await createAll(from.store);
    const records = await all(from.migration.exportTokens());
    await to.migration.importTokens(records.slice(0, 9));
    const mixed: ImportRecord[] = [...records, { ...records[9]!, expiresAt: 1 }, { kind: 'skipped', reason: 'no-owner' }];
    const { result, sent, inScripts } = await commandsDuring(target, () => to.migration.importTokens(mixed, { dryRun: true }));
    expect(result).toEqual({
      read: records.length + 2,
      imported: records.length - 9,
      present: 9,
      skipped: { expired: 1, 'no-owner': 1 },
    });
    expect(Object.keys(sent).sort()).toEqual(['exists', 'time']);
    expect(inScripts).toEqual({});
  });

  it('tells each record that is left out, with its line, and the counts after each batch', async () => {
    await using to = at(other.url);
    const skips: SkipNotice[] = [];
    const reads: number[] = [];
    const lines: ImportRecord[] = Array.from({ length: 600 }, (_, n) => ({ kind: 'skipped', reason: 'malformed', line: n + 1 }));
    await to.migration.importTokens(lines, { onSkip: (notice) => skips.push(notice), onProgress: ({ read }) => reads.push(read) });
    expect(skips).toEqual(lines.map(({ line }) => ({ reason: 'malformed', line })));
    expect(reads.at(-1)).toBe(600);
    expect(reads.length).toBeGreaterThan(1);
  });

  it('rejects with what a callback throws, not as if Redis had failed', async () => {
    await using from = at(redis.url);
    await using to = at(other.url);
    await Promise.all([undefined, 'mine'].map((token) => from.store.create({ type: 'reset', owner: 'ann', ...(token && { token }) })));
    const records = await all(from.migration.exportTokens());
    const mistake = new Error('a mistake of the application');
    const fail = (): never => {
      throw mistake;
    };
    const expired = records.map((record) => ({ ...record, expiresAt: 1 }));
    await expect(to.migration.importTokens(expired, { onSkip: fail })).rejects.toBe(mistake);
    await expect(to.migration.importTokens(records, { onProgress: fail })).rejects.toBe(mistake);
  });
});

describe('what a record may not do', () => {
  const record: TokenRecord = {
    kind: 'token',
    id: '',
    app: 'default',
    type: 'reset',
    owner: 'ann',
    data: {},
    expiresAt: Date.now() + 600_000,
  };

  it.each<[string, (genuine: TokenRecord) => unknown, string]>([
    ['of another owner', (genuine) => ({ ...genuine, owner: 'ben' }), 'wrong-id'],
    ['of another app', (genuine) => ({ ...genuine, app: 'other' }), 'wrong-id'],
    ['custom with the id of a generated one', (genuine) => ({ ...genuine, pointer: 'p'.repeat(28) }), 'wrong-id'],
    ['with a pointer that is none', (genuine) => ({ ...genuine, pointer: 'p:{x}' }), 'malformed'],
    ['without an id', (genuine) => ({ ...genuine, id: undefined }), 'malformed'],
    ['with braces for an id', (genuine) => ({ ...genuine, id: `${genuine.id.slice(0, 6)}{}${genuine.id.slice(8)}` }), 'malformed'],
    ['without a life', (genuine) => ({ ...genuine, expiresAt: 'soon' }), 'malformed'],
    ['that does not say that it lives for ever', (genuine) => ({ ...genuine, expiresAt: undefined }), 'malformed'],
    ['that ended in 1970', (genuine) => ({ ...genuine, expiresAt: 0 }), 'expired'],
    ['that ends later than any Date', (genuine) => ({ ...genuine, expiresAt: 8.64e15 + 1 }), 'malformed'],
    ['born later than any Date', (genuine) => ({ ...genuine, createdAt: 8.64e15 + 1 }), 'malformed'],
    ['born at a fraction', (genuine) => ({ ...genuine, createdAt: 0.5 }), 'malformed'],
    ['with data that are none', (genuine) => ({ ...genuine, data: [] }), 'bad-data'],
    ['with too much data', (genuine) => ({ ...genuine, data: { x: 'x'.repeat(20_000) } }), 'bad-data'],
    ['for an owner of 10 kB', (genuine) => ({ ...genuine, owner: 'x'.repeat(10_240) }), 'malformed'],
    ['for an owner of half a character', (genuine) => ({ ...genuine, owner: '\ud800' }), 'malformed'],
    ['of no kind', (genuine) => ({ ...genuine, kind: 'other' }), 'malformed'],
    ['that is nothing', () => null, 'malformed'],
  ])('one %s is left out', async (_, change, reason) => {
    await using from = at(redis.url);
    await using to = at(other.url);
    await from.store.create({ type: 'reset', owner: 'ann' });
    const [genuine] = await all(from.migration.exportTokens());
    const summary = await to.migration.importTokens([change({ ...record, ...genuine }) as ImportRecord]);
    expect(summary).toMatchObject({ read: 1, imported: 0, skipped: { [reason]: 1 } });
    expect(await to.store.count({ type: 'reset', owner: 'ann' })).toBe(0);
  });

  it('leads no second token to one that is there', async () => {
    await using to = at(other.url);
    const token = await to.store.create({ type: 'reset', owner: 'ann', token: 'mine' });
    const [genuine] = await all(to.migration.exportTokens());
    await using away = at(redis.url);
    await away.store.create({ type: 'reset', owner: 'ann', token: 'of a stranger' });
    const [stranger] = await all(away.migration.exportTokens());
    const summary = await to.migration.importTokens([{ ...genuine!, pointer: stranger!.pointer! }]);
    expect(summary).toMatchObject({ imported: 0, present: 0, skipped: { 'wrong-id': 1 } });
    expect(await to.store.get({ type: 'reset', token: 'of a stranger' })).toBeNull();
    expect(await found(to.store, token)).toEqual(token);
  });

  it('takes no record over from a token of another type', async () => {
    await using to = at(other.url);
    const token = await to.store.create({ type: 'reset', owner: 'ann', data: { is: 'mine' } });
    const [genuine] = await all(to.migration.exportTokens());
    const summary = await to.migration.importTokens([{ ...genuine!, type: 'admin', data: {} }]);
    expect(summary).toMatchObject({ imported: 0, skipped: { 'wrong-id': 1 } });
    expect(await found(to.store, token)).toEqual(token);
  });
});
