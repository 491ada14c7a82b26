import assert from 'node:assert/strict';
import { fromRedisTokens, TokenMigration } from '../../../lib/migration/index.js';
import { IntrospectionCache, OAuthTokenStore } from '../../../lib/oauth/index.js';
import { OAuthKeys } from '../../../lib/oauth/oauth-keys.js';
import { createClient } from '../../../lib/redis/index.js';
import { resolveOptions } from '../../../lib/options/index.js';
import { TokenStore } from '../../../lib/tokens/index.js';
import { ask } from '../ask.js';
import { TEST_SECRET, testOptions } from '../sessions.js';
import { until } from '../until.js';
import type { Place } from './place.js';

/** TokenStore, with tokens of every kind, pages, and codes. */
export async function exerciseTokens({ redis, keyPrefix }: Place): Promise<void> {
  const store = new TokenStore({ redis, keyPrefix, secret: TEST_SECRET });
  try {
    const of = { owner: 'ann', type: 'key' };
    const one = await store.create({ ...of, ttl: '1h', data: { a: 1 }, requestId: 'r' });
    assert.equal((await store.create({ ...of, ttl: '1h', requestId: 'r' })).token, one.token);
    const { token } = one;
    assert.deepEqual((await store.get({ type: 'key', token }))?.data, { a: 1 });
    assert.deepEqual((await store.update({ type: 'key', token, data: { b: 2 } }))?.data, { a: 1, b: 2 });
    assert.equal(await store.refresh({ type: 'key', token, ttl: 'never' }), true);
    await store.create({ ...of, token: 'of my own', ttl: '2h' });
    assert.equal(await store.refresh({ type: 'key', token: 'of my own', ttl: '3h' }), true);
    assert.equal(await store.refresh({ type: 'key', token: 'of my own', ttl: 'never' }), true);
    assert.equal(await store.refresh({ type: 'key', token: 'of my own', ttl: '1h' }), true);
    const [first] = await store.list({ ...of, limit: 1 });
    assert.equal((await store.list({ ...of, after: first! })).length, 1);
    assert.equal(await store.count(of), 2);
    assert.ok(await store.consume({ type: 'key', token, requestId: 'c' }));
    assert.ok(await store.consume({ type: 'key', token, requestId: 'c' }));
    assert.equal(await store.delete({ type: 'key', token: 'of my own' }), true);
    await store.create({ ...of, token: 'another' });
    await store.create(of);
    assert.equal(await store.deleteAll({ owner: 'ann' }), 2);

    const { code } = (await store.createCode(of))!;
    assert.equal((await store.verifyCode({ ...of, code: code === '000000' ? '000001' : '000000' })).reason, 'wrong');
    assert.equal((await store.verifyCode({ ...of, code, requestId: 'v' })).valid, true);
    assert.equal((await store.verifyCode({ ...of, code, requestId: 'v' })).valid, true);
  } finally {
    await store.close();
  }
}

/** So many that they are listed in two pages. */
function namesOfOneShard(keyPrefix: string): string[] {
  const keys = new OAuthKeys(keyPrefix);
  const names = Array.from({ length: 10_000 }, (_, n) => `n${n}`);
  return names.filter((name) => keys.token(name).index === keys.indexes[0]).slice(0, 260);
}

/** OAuthTokenStore, with more tokens than a page holds. */
export async function exerciseOAuth({ redis, keyPrefix }: Place): Promise<void> {
  const store = new OAuthTokenStore({ redis, keyPrefix, secret: TEST_SECRET });
  try {
    const credentials = { clientId: 'c', clientSecret: 's', redirectUri: 'https://a.test' };
    await store.saveClientCredentials('https://s.test', credentials);
    assert.deepEqual(await store.getClientCredentials('https://s.test'), credentials);
    const pkce = { codeVerifier: 'v', codeChallenge: 'c', resourceUrl: '', url: '' };
    await store.savePKCEValues('ann', 'state', pkce);
    assert.deepEqual(await store.getPKCEValues('ann', 'state'), pkce);
    await store.saveAccessToken('ann', 'https://s.test', { accessToken: 'a', refreshToken: 'r', resourceUrl: '' });
    assert.equal((await store.getAccessToken('ann', 'https://s.test'))?.accessToken, 'a');
    const past = { accessToken: 'a', expiresAt: 1, resourceUrl: '' };
    await store.saveAccessToken('ann', 'https://s.test', past);
    assert.equal(await store.getAccessToken('ann', 'https://s.test'), null);
    await store.storeToken('soon', 't', new Date(Date.now() + 60_000));
    assert.equal(await store.hasToken('soon'), true);
    assert.equal(await store.getToken('soon'), 't');
    // one that is over when the index is next looked at
    await store.storeToken('short', 't', new Date(Date.now() + 30));
    await until(async () => !(await store.hasToken('short')));
    assert.deepEqual(await store.listTokens(), ['soon']);
    assert.equal(await store.deleteToken('soon'), true);
    const names = namesOfOneShard(keyPrefix);
    await Promise.all(names.map((name) => store.storeToken(name, 't')));
    assert.equal((await store.listTokens()).length, names.length);
  } finally {
    await store.close();
  }
}

/** What one instance has asked for another need not ask for, until it is evicted. */
export async function exerciseIntrospectionCache({ redis, keyPrefix }: Place): Promise<void> {
  const here = new IntrospectionCache({ redis, keyPrefix });
  const there = new IntrospectionCache({ redis, keyPrefix });
  const origin = { active: true, exp: Math.floor(Date.now() / 1000) + 600 };
  const isKept = async (): Promise<boolean> => {
    await here.introspect('t', () => origin);
    return there.introspect('t', () => ({ active: false })).then(({ active }) => active);
  };
  try {
    await until(isKept, { within: 2_000, what: 'an answer is kept' });
    await there.evict('t');
    assert.equal((await here.introspect('t', () => ({ active: false }))).active, false);
  } finally {
    await Promise.all([here.close(), there.close()]);
  }
}

/** Export, import, and what is in an import's way. */
export async function exerciseMigration({ redis, keyPrefix }: Place): Promise<void> {
  const migration = new TokenMigration({ redis, keyPrefix, secret: TEST_SECRET });
  const foreign = (owner: string, token: string, expiresAt: number | null = Date.now() + 3_600_000) =>
    ({ kind: 'foreign-token', type: 'old', owner, token, expiresAt }) as const;
  try {
    const records = [foreign('ann', 'one'), foreign('ann', 'two', null)];
    assert.equal((await migration.importTokens(records, { dryRun: true })).imported, 2);
    assert.equal((await migration.importTokens(records)).imported, 2);
    assert.equal((await migration.importTokens(records)).present, 2);
    assert.equal((await migration.importTokens([foreign('ben', 'one')])).skipped['token-taken'], 1);
    const exported = [];
    for await (const record of migration.exportTokens()) exported.push(record);
    assert.equal(exported.length, 2);
    assert.equal((await migration.importTokens(exported.map((record) => ({ ...record, type: 'new' })))).skipped['wrong-id'], 2);
    // one that expired where nobody looks; a later import forgets it
    const ends = Date.now() + 50;
    await migration.importTokens([foreign('ann', 'short', ends)]);
    await until(() => Date.now() > ends + 5);
    await migration.importTokens([foreign('ann', 'three')]);
    const oauth = {
      getClientCredentials: () => Promise.resolve(null),
      saveClientCredentials: () => Promise.resolve(),
      savePKCEValues: () => Promise.resolve(),
      getAccessToken: () => Promise.resolve(null),
      saveAccessToken: () => Promise.resolve(),
    };
    const client = { kind: 'oauth-client', serverUrl: 'https://s.test', clientId: 'c', clientSecret: 's', redirectUri: 'r' } as const;
    assert.equal((await migration.importTokens([client], { oauth })).imported, 1);
  } finally {
    await migration.close();
  }
}

/** What another package stored, under names that begin with `app:`. */
export async function exerciseMigrationSource({ redis, servers }: Place): Promise<void> {
  const source = createClient(resolveOptions(testOptions({ redis })).redis, 1_000);
  source.on('error', () => undefined);
  try {
    await source.connect();
    const key = 'app:a|type:t|owner:o|token:x';
    await until(async () => {
      const set = servers.map((server) => ask(server, (client) => client.set(key, '{}', 'EX', 600)).catch(() => undefined));
      return (await Promise.all(set)).includes('OK');
    });
    const found = [];
    for await (const record of fromRedisTokens(source)) found.push(record.kind);
    assert.deepEqual(found, ['foreign-token']);
  } finally {
    source.disconnect();
  }
}
