import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../lib/adapters/oidc-provider/index.js';
import { issued, MODELS_OF_A_GRANT, newId } from '../integration/oidc-provider/issued.js';
import { ProviderUnderTest, type Tokens } from '../integration/oidc-provider/provider-under-test.js';
import { ClusterSetup } from '../support/cluster.js';
import { TEST_SECRET } from '../support/sessions.js';
import { withoutTtl } from '../support/without-ttl.js';

let cluster: ClusterSetup;
let adapters: StandaloneOidcProviderAdapter[];
let adapter: StandaloneOidcProviderAdapter;
beforeAll(async () => {
  cluster = await ClusterSetup.start();
  adapters = [1, 2].map(() => oidcProviderAdapter({ redis: cluster.url, keyPrefix: 'o:', secret: TEST_SECRET }));
  adapter = adapters[0]!;
});
afterAll(async () => {
  await Promise.all((adapters ?? []).map((each) => each.close()));
  await cluster?.stop();
});

describe('oidc-provider on a Cluster of three masters', () => {
  // enough that records and grants lie on different masters
  it.each(MODELS_OF_A_GRANT)('%s: stored, found, used once and revoked by two instances', async (model) => {
    for (let n = 0; n < 12; n++) {
      const { id, grantId, payload } = await issued(adapter, model);
      expect(await adapters[1]!(model).find(id)).toEqual(payload);
      const uses = await Promise.allSettled(Array.from({ length: 10 }, (_, of) => adapters[of % 2]!(model).consume(id)));
      expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await adapters[1]!(model).revokeByGrantId(grantId);
      await adapter(model).upsert(id, payload, 60);
      expect(await adapter(model).find(id)).toBeUndefined();
      await adapter('Grant').destroy(grantId);
      const late = newId();
      await adapters[1]!(model).upsert(late, { ...payload, jti: late }, 60);
      expect(await adapter(model).find(late)).toBeUndefined();
    }
  });

  it('sessions and device codes are found by their other names', async () => {
    for (let n = 0; n < 12; n++) {
      const [id, uid, userCode] = [newId(), newId(), `CODE${n}`];
      await adapter('Session').upsert(id, { uid }, 60);
      await adapter('DeviceCode').upsert(id, { userCode }, 60);
      expect(await adapters[1]!('Session').findByUid(uid)).toEqual({ uid });
      expect(await adapters[1]!('DeviceCode').findByUserCode(userCode)).toEqual({ userCode });
    }
  });

  it('a sign-in, its rotations, reuse and log-out', async () => {
    await using on = await ProviderUnderTest.start(adapter);
    const browser = on.browser();
    const first = await on.signIn(browser);
    const second = (await on.refresh(first.refresh_token)).body as unknown as Tokens;
    const third = (await on.refresh(second.refresh_token)).body as unknown as Tokens;
    expect(await on.userinfo(third.access_token)).toBe(200);
    expect(await on.refresh(second.refresh_token)).toMatchObject({ body: { error: 'invalid_grant' } });
    expect(await on.userinfo(third.access_token)).toBe(401);
    const again = await on.signIn(browser);
    await on.logOut(browser, again.id_token);
    expect(await on.isActive(again.refresh_token)).toBe(false);
    expect(on.serverErrors).toEqual([]);
  });

  it('no key is without a time to live', async () => {
    for (const node of cluster.nodes.slice(0, 3)) expect(await withoutTtl(node)).toEqual([]);
  });
});
