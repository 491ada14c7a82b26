import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../../lib/errors/index.js';
import { OAuthTokenStore } from '../../../lib/oauth/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { ClusterSetup } from '../../support/cluster.js';
import { FaultProxy } from '../../support/proxy.js';
import { outcomeOf } from '../../support/session-outcomes.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

const client = { clientId: 'client-1', clientSecret: 'secret-of-the-client', redirectUri: '' };
const pkce = { codeVerifier: 'verifier', codeChallenge: 'challenge', resourceUrl: '', url: '' };
const token = { accessToken: 'the-access-token', refreshToken: 'the-refresh-token', resourceUrl: '' };

describe('on a Cluster', () => {
  let cluster: ClusterSetup;
  const stores: OAuthTokenStore[] = [];
  let ofCaller: Cluster;
  beforeAll(async () => {
    cluster = await ClusterSetup.start();
    ofCaller = new Cluster(cluster.addresses);
    stores.push(
      new OAuthTokenStore({ redis: cluster.url, secret: TEST_SECRET }),
      new OAuthTokenStore({ redis: ofCaller, secret: TEST_SECRET }),
    );
    for (const store of stores) await until(() => store.hasToken('warm').then(() => true));
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    ofCaller?.disconnect();
    await cluster?.stop();
  });

  it('A1 A11 S12 everything is kept, and seen by every store, whichever node it lies on', async () => {
    const [one, two] = stores as [OAuthTokenStore, OAuthTokenStore];
    const names = Array.from({ length: 60 }, (_, n) => `name-${n}`);
    await Promise.all(
      names.map(async (name) => {
        await one.saveClientCredentials(name, { ...client, clientId: name });
        await one.savePKCEValues(name, 'state', { ...pkce, codeVerifier: name });
        await one.saveAccessToken(name, '', { ...token, accessToken: name });
        await one.storeToken(name, `token of ${name}`);
        expect((await two.getClientCredentials(name))?.clientId).toBe(name);
        expect((await two.getAccessToken(name, ''))?.accessToken).toBe(name);
        expect(await two.getToken(name)).toBe(`token of ${name}`);
        const reads = await Promise.all([one, two, one, two].map((store) => store.getPKCEValues(name, 'state')));
        expect(reads.filter((values) => values !== null)).toEqual([{ ...pkce, codeVerifier: name }]);
      }),
    );
    for (const store of stores) expect(await store.listTokens()).toEqual(names.toSorted());
    await one.saveAccessToken('name-0', '', { accessToken: 'x', resourceUrl: '', expiresAt: 1 });
    expect(await two.getAccessToken('name-0', '')).toBeNull();
    expect(await two.deleteToken('name-0')).toBe(true);
    expect(await one.listTokens()).toEqual(names.slice(1).toSorted());
  });

  it('records and lists lie on every master, all with a TTL', async () => {
    const masters = cluster.nodes.slice(0, 3);
    for (const node of masters) {
      const keys = await ask(node, (admin) => admin.keys('*'));
      for (const kind of [/a:\{[\w-]{6}\}client:/, /a:\{[\w-]{6}\}access:/, /a:\{[\w-]{6}\}token:/, /l:\{/])
        expect(keys.filter((key) => kind.test(key)).length).toBeGreaterThan(0);
      expect(await withoutTtl(node)).toEqual([]);
    }
  });
});

describe('where a reply is lost', () => {
  let redis: TestRedis;
  let proxy: FaultProxy;
  let store: OAuthTokenStore;
  beforeAll(async () => {
    redis = await startRedis();
    proxy = await FaultProxy.open(redis.url);
    store = new OAuthTokenStore({ redis: proxy.url, secret: TEST_SECRET });
    // the server gets to know the scripts
    await store.saveAccessToken('warm', '', token);
    await store.getAccessToken('warm', '');
    await store.storeToken('warm', 'token');
    await store.deleteToken('warm');
  });
  afterAll(async () => {
    await store.close();
    await proxy.close();
    await redis.stop();
  });

  /** The call whose reply is lost, and then the same again, as soon as there is a connection. */
  async function twice<T>(command: string, call: () => Promise<T>): Promise<T> {
    const lost = proxy.dropNextReply(([name]) => name?.toLowerCase() === command);
    const { error } = await outcomeOf(call());
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ ambiguous: true });
    await lost;
    await proxy.heal();
    const { result } = await until(async () => {
      const outcome = await outcomeOf(call());
      return !outcome.error && { result: outcome.result as T };
    });
    return result;
  }

  it('a repeat saves what was to be saved, reads what is there, and deletes what was to be deleted', async () => {
    await twice('set', () => store.saveClientCredentials('https://as.test', client));
    expect(await twice('getex', () => store.getClientCredentials('https://as.test'))).toEqual(client);
    await twice('evalsha', () => store.saveAccessToken('ann', '', token));
    expect(await twice('evalsha', () => store.getAccessToken('ann', ''))).toEqual(token);
    await twice('evalsha', () => store.storeToken('key', 'token'));
    expect(await twice('get', () => store.getToken('key'))).toBe('token');
    expect(await store.listTokens()).toEqual(['key']);
    expect(await twice('evalsha', () => store.listTokens())).toEqual(['key']);
    expect(await twice('evalsha', () => store.deleteToken('key'))).toBe(false);
    expect([await store.getToken('key'), await store.listTokens()]).toEqual([null, []]);
  });

  it('S12 PKCE values are gone with it, rather than given twice', async () => {
    await twice('set', () => store.savePKCEValues('ann', 'state', pkce));
    expect(await twice('getdel', () => store.getPKCEValues('ann', 'state'))).toBeNull();
  });

  it('S14 nothing takes longer than commandTimeout, and nothing is done later', async () => {
    const quick = new OAuthTokenStore({ redis: proxy.url, secret: TEST_SECRET, commandTimeout: 300 });
    await until(() => quick.storeToken('before', 'token').then(() => true));
    proxy.silence();
    for (const call of [() => quick.storeToken('late', 'token'), () => quick.getToken('before'), () => quick.listTokens()]) {
      const { error, ms } = await settledIn<unknown>(call);
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(ms).toBeLessThan(800);
    }
    await proxy.heal();
    expect(await until(() => quick.getToken('before'))).toBe('token');
    expect(await until(() => quick.listTokens())).toEqual(['before']);
    await quick.close();
  });
});
