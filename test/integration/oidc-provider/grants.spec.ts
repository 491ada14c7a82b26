import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { seededRandom } from '../../support/seeded-random.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { withoutTtl } from '../../support/without-ttl.js';
import { issued, MODELS_OF_A_GRANT, newId } from './issued.js';

let redis: TestRedis;
let adapter: StandaloneOidcProviderAdapter;
beforeAll(async () => {
  redis = await startRedis();
  adapter = oidcProviderAdapter({ redis: redis.url, keyPrefix: 'o:', secret: TEST_SECRET });
});
afterAll(async () => {
  await adapter?.close();
  await redis?.stop();
});

describe('grants', () => {
  it.each(MODELS_OF_A_GRANT)('%s: revoked with its grant, by whichever model; what is stored again stays dead', async (model) => {
    for (const by of MODELS_OF_A_GRANT) {
      const { id, grantId, payload } = await issued(adapter, model);
      await adapter(by).revokeByGrantId(grantId);
      expect(await adapter(model).find(id)).toBeUndefined();
      await adapter(model).upsert(id, payload, 60);
      expect(await adapter(model).find(id)).toBeUndefined();
      await adapter(model).revokeByGrantId(grantId);
      expect(await adapter(model).find(id)).toBeUndefined();
    }
  });

  it('a revoked grant that is kept gives new tokens; those are live', async () => {
    const { id, grantId } = await issued(adapter, 'AccessToken');
    await adapter('AccessToken').revokeByGrantId(grantId);
    expect(await adapter('Grant').find(grantId)).toMatchObject({ accountId: 'ann' });
    const next = newId();
    await adapter('AccessToken').upsert(next, { grantId }, 60);
    expect(await adapter('AccessToken').find(next)).toEqual({ grantId });
    expect(await adapter('AccessToken').find(id)).toBeUndefined();
  });

  it.each(MODELS_OF_A_GRANT)('%s: dead with a destroyed grant, before and after', async (model) => {
    const { id, grantId, payload } = await issued(adapter, model);
    await adapter('Grant').destroy(grantId);
    const late = newId();
    await adapter(model).upsert(late, { ...payload, jti: late }, 60);
    await adapter('Grant').upsert(grantId, { jti: grantId }, 60);
    for (const token of [id, late]) expect(await adapter(model).find(token)).toBeUndefined();
    expect(await adapter('Grant').find(grantId)).toBeUndefined();
  });

  it('200 interleavings of storing, using and revoking leave nothing live that was stored before', async () => {
    const random = seededRandom(20261121);
    for (let round = 0; round < 200; round++) {
      const { id, grantId, payload } = await issued(adapter, 'RefreshToken');
      const calls = [
        () => adapter('RefreshToken').upsert(id, payload, 60),
        () => adapter('RefreshToken').revokeByGrantId(grantId),
        () => adapter('RefreshToken').find(id),
        () => adapter('Grant').destroy(grantId),
        () =>
          adapter('RefreshToken')
            .consume(id)
            .catch(() => undefined),
      ].sort(() => random() - 0.5);
      await Promise.all(calls.map((call) => call()));
      expect(await adapter('RefreshToken').find(id)).toBeUndefined();
    }
    expect((await withoutTtl(redis)).filter((key) => key.startsWith('o:'))).toEqual([]);
  });

  it('a lost entry takes its tokens along and gives none back', async () => {
    const { id, grantId } = await issued(adapter, 'AccessToken');
    await ask(redis, async (client) => client.del(...(await client.keys('o:g:*'))));
    expect(await adapter('AccessToken').find(id)).toBeUndefined();
    const next = newId();
    await adapter('AccessToken').upsert(next, { grantId }, 60);
    expect(await adapter('AccessToken').find(next)).toBeDefined();
    expect(await adapter('AccessToken').find(id)).toBeUndefined();
  });

  it('takes one write to revoke, and as much memory, however many tokens there are', async () => {
    const { grantId } = await issued(adapter, 'RefreshToken');
    const memory = (): Promise<number> =>
      ask(redis, async (client) => {
        const sizes = await Promise.all((await client.keys('o:g:*')).map((key) => client.memory('USAGE', key)));
        return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
      });
    const before = await memory();
    const ids = Array.from({ length: 200 }, newId);
    await Promise.all(ids.map((id) => adapter('AccessToken').upsert(id, { grantId }, 60)));
    expect(await memory()).toBeLessThanOrEqual(before + 16);
    const { total, sent } = await commandsDuring(redis, () => adapter('AccessToken').revokeByGrantId(grantId));
    expect({ total, sent }).toEqual({ total: 1, sent: { evalsha: 1 } });
    const found = await Promise.all(ids.map((id) => adapter('AccessToken').find(id)));
    expect(found.filter((payload) => payload !== undefined)).toEqual([]);
  });

  it('lives as long as the longest-lived record under it', async () => {
    const { grantId } = await issued(adapter, 'AccessToken');
    const longest = newId();
    await adapter('RefreshToken').upsert(longest, { grantId }, 5_000);
    await adapter('AccessToken').upsert(newId(), { grantId }, 10);
    await adapter('Grant').upsert(grantId, { jti: grantId }, 20);
    const left = await ask(redis, async (client) => Promise.all((await client.keys('o:g:*')).map((key) => client.pttl(key))));
    expect(Math.max(...left)).toBeGreaterThan(4_900_000);
  });

  it('an Interaction only mentions its grant', async () => {
    const { grantId } = await issued(adapter, 'AccessToken');
    const id = newId();
    await adapter('Interaction').upsert(id, { grantId }, 60);
    await adapter('AccessToken').revokeByGrantId(grantId);
    expect(await adapter('Interaction').find(id)).toEqual({ grantId });
  });
});
