import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { HOSTILE_VALUES, isId } from '../../support/hostile-values.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';
import { ALL_MODELS, issued, MODELS_OF_A_GRANT, newId } from './issued.js';

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

describe.each(ALL_MODELS)('%s', (model) => {
  // Made anew for each use: nothing may be kept in one.
  const of = () => adapter(model);

  it('reads back as it was stored, until it is destroyed', async () => {
    const id = newId();
    const payload = { jti: id, kind: model, params: { __proto__x: [], big: 2 ** 53, deep: { a: [1, null, '👩‍👧'] } }, iat: 1 };
    expect(await of().find(id)).toBeUndefined();
    await of().upsert(id, payload, 60);
    expect(await of().find(id)).toEqual(payload);
    await of().upsert(id, { ...payload, iat: 2 }, 60);
    expect(await of().find(id)).toEqual({ ...payload, iat: 2 });
    await of().destroy(id);
    expect(await of().find(id)).toBeUndefined();
    await of().destroy(id);
  });

  it('is of its own: another model does not find it', async () => {
    const id = newId();
    await of().upsert(id, { jti: id }, 60);
    for (const other of ALL_MODELS.filter((name) => name !== model)) {
      expect(await adapter(other).find(id)).toBeUndefined();
    }
  });

  it('ends with its time to live, and cannot be stored anew without one', async () => {
    const id = newId();
    await of().upsert(id, { jti: id }, 0.05);
    await until(async () => (await of().find(id)) === undefined);
    await of().upsert(id, { jti: id }, 0);
    expect(await of().find(id)).toBeUndefined();
    await of().upsert(id, { jti: id }, -5);
    expect(await of().find(id)).toBeUndefined();
  });

  it.each([Number.NaN, Infinity, '60', null])('refuses a time to live of %s before any command', async (expiresIn) => {
    const { total } = await commandsDuring(redis, () =>
      expect(of().upsert(newId(), {}, expiresIn as never)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT' }),
    );
    expect(total).toBe(0);
  });

  it.each([1e16, 1e300])('S17 has a time to live where it is to be kept for %s s', async (seconds) => {
    const id = newId();
    await of().upsert(id, { jti: id, grantId: newId(), uid: newId() }, seconds);
    expect(await of().find(id)).toBeDefined();
    expect(await withoutTtl(redis)).toEqual([]);
    const ended = newId();
    await of().upsert(ended, { jti: ended }, -seconds);
    expect(await of().find(ended)).toBeUndefined();
  });

  it('is found under no hostile id, and stored under none that is not text', async () => {
    for (const [what, value] of Object.entries(HOSTILE_VALUES)) {
      const id = value as string;
      expect(await of().find(id), what).toBeUndefined();
      if (typeof value === 'string' && isId(value)) {
        await of().upsert(id, { jti: id }, 60);
        expect(await of().find(id), what).toEqual({ jti: id });
        await of().destroy(id);
      } else if (typeof value !== 'string' || value === '' || value.includes('\ud800')) {
        await expect(of().upsert(id, {}, 60), what).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_INVALID_ARGUMENT' });
      }
    }
  });
});

describe('endings', () => {
  it.each(ALL_MODELS.filter((model) => model !== 'Client'))('%s: what was destroyed is not brought back by a late write', async (model) => {
    const id = newId();
    await adapter(model).upsert(id, { jti: id }, 60);
    await adapter(model).destroy(id);
    await adapter(model).upsert(id, { jti: id }, 60);
    expect(await adapter(model).find(id)).toBeUndefined();
  });

  it('a client that was removed can be set up anew', async () => {
    const id = newId();
    await adapter('Client').upsert(id, { client_id: id });
    await adapter('Client').destroy(id);
    await adapter('Client').upsert(id, { client_id: id, client_name: 'anew' });
    expect(await adapter('Client').find(id)).toEqual({ client_id: id, client_name: 'anew' });
  });

  it('no key is without a time to live but that of what was given none', async () => {
    await ask(redis, (client) => client.flushdb());
    for (const model of [...MODELS_OF_A_GRANT, 'Session', 'Interaction']) {
      const { id } = await issued(adapter, model);
      await adapter(model).upsert(id, { jti: id, uid: newId(), userCode: newId() }, 60);
      if (model !== 'Session' && model !== 'Interaction') await adapter(model).consume(id);
      if (model === 'RefreshToken') await adapter(model).destroy(id);
    }
    expect(await withoutTtl(redis)).toEqual([]);
    await adapter('Client').upsert('shop', { client_id: 'shop' });
    await adapter('InitialAccessToken').upsert(newId(), {});
    expect(await withoutTtl(redis)).toHaveLength(2);
  });
});

describe('found by another name', () => {
  it('a session by its uid, whichever id it has', async () => {
    const [first, second, uid] = [newId(), newId(), newId()];
    await adapter('Session').upsert(first, { jti: first, uid }, 60);
    expect(await adapter('Session').findByUid(uid)).toEqual({ jti: first, uid });
    await adapter('Session').destroy(first);
    expect(await adapter('Session').findByUid(uid)).toBeUndefined();
    await adapter('Session').upsert(second, { jti: second, uid }, 60);
    expect(await adapter('Session').findByUid(uid)).toEqual({ jti: second, uid });
    // A request that still has the old id does not take the name back.
    await adapter('Session').upsert(first, { jti: first, uid }, 60);
    expect(await adapter('Session').findByUid(uid)).toEqual({ jti: second, uid });
    expect(await adapter('Session').findByUid(newId())).toBeUndefined();
  });

  it('a device code by its user code', async () => {
    const [id, userCode] = [newId(), 'BCDF-GHJK'];
    await adapter('DeviceCode').upsert(id, { jti: id, userCode }, 60);
    expect(await adapter('DeviceCode').findByUserCode(userCode)).toEqual({ jti: id, userCode });
    expect(await adapter('DeviceCode').findByUserCode('BCDF-GHJX')).toBeUndefined();
    await adapter('DeviceCode').destroy(id);
    expect(await adapter('DeviceCode').findByUserCode(userCode)).toBeUndefined();
  });

  it('a former uid or user code leads nowhere', async () => {
    const [id, former, uid] = [newId(), newId(), newId()];
    await adapter('Session').upsert(id, { uid: former }, 60);
    await adapter('Session').upsert(id, { uid }, 60);
    expect(await adapter('Session').findByUid(former)).toBeUndefined();
    expect(await adapter('Session').findByUid(uid)).toEqual({ uid });
    await adapter('DeviceCode').upsert(id, { userCode: 'FORMER' }, 60);
    await adapter('DeviceCode').upsert(id, { userCode: 'LATER' }, 60);
    expect(await adapter('DeviceCode').findByUserCode('FORMER')).toBeUndefined();
    expect(await adapter('DeviceCode').findByUserCode('LATER')).toEqual({ userCode: 'LATER' });
  });

  it('a hostile uid or user code is unknown', async () => {
    for (const value of Object.values(HOSTILE_VALUES)) {
      expect(await adapter('Session').findByUid(value as string)).toBeUndefined();
      expect(await adapter('DeviceCode').findByUserCode(value as string)).toBeUndefined();
    }
  });
});
