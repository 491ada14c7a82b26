import type { AdapterFactory } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask, clientOf } from '../../support/ask.js';
import { commandsDuring } from '../../support/commands.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { ConnectionUnderTest } from '../../support/open-connection.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { issued, newId } from './issued.js';

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

describe('secret', () => {
  const standalone = (options: object): StandaloneOidcProviderAdapter => oidcProviderAdapter({ redis: redis.url, ...options });

  it('is needed for clients and user codes, and for nothing else', async () => {
    await using without = closing(standalone({ keyPrefix: uniquePrefix() }));
    const { id } = await issued(without.adapter, 'RefreshToken');
    expect(await without.adapter('RefreshToken').find(id)).toBeDefined();
    expect(await without.adapter('Client').find('shop')).toBeUndefined();
    expect(await without.adapter('DeviceCode').findByUserCode('BCDF')).toBeUndefined();
    const needed = { code: 'ERR_REDIS_AUTH_CONFIG', issues: [{ path: 'secret' }] };
    await expect(without.adapter('Client').upsert('shop', { client_id: 'shop' })).rejects.toMatchObject(needed);
    await expect(without.adapter('DeviceCode').upsert(newId(), { userCode: 'BCDF' }, 60)).rejects.toMatchObject(needed);
  });

  it('can be replaced: what is stored is found with the former one, and moves to the new one as it changes', async () => {
    const keyPrefix = uniquePrefix();
    const [old, next] = [newId(), newId()];
    await using before = closing(standalone({ keyPrefix, secret: old }));
    await before.adapter('Client').upsert('shop', { client_id: 'shop' });
    await using between = closing(standalone({ keyPrefix, secret: next, previousSecrets: [old] }));
    expect(await between.adapter('Client').find('shop')).toEqual({ client_id: 'shop' });
    await between.adapter('Client').upsert('shop', { client_id: 'shop', client_name: 'new' });
    await using after = closing(standalone({ keyPrefix, secret: next }));
    expect(await after.adapter('Client').find('shop')).toEqual({ client_id: 'shop', client_name: 'new' });
    await between.adapter('Client').destroy('shop');
    for (const { adapter: any } of [before, between, after]) expect(await any('Client').find('shop')).toBeUndefined();
  });

  it('weak ones and other mistakes are listed', () => {
    expect(() => standalone({ secret: 'short', previousSecrets: ['short', newId()], keyPrefix: '{', colour: 1 })).toThrow(
      expect.objectContaining({
        issues: expect.arrayContaining(
          ['secret', 'previousSecrets[0]', 'keyPrefix', 'colour'].map((path) => expect.objectContaining({ path })),
        ),
      }),
    );
    expect(() => standalone({ previousSecrets: 'x' })).toThrow(/previousSecrets: must be a list/);
  });
});

describe('connections', () => {
  it('works over the connection of the module, and leaves it open', async () => {
    await using connection = await ConnectionUnderTest.open(redis.url, { commandTimeoutMs: 2_000 });
    const over = oidcProviderAdapter(connection, { keyPrefix: uniquePrefix() });
    const { id } = await issued(over, 'RefreshToken');
    expect(await over('RefreshToken').find(id)).toBeDefined();
    expect(over).not.toHaveProperty('close');
    expect(() => oidcProviderAdapter(connection, { keyPrefix: '{' })).toThrow(/keyPrefix/);
  });

  it('works over a client of ioredis, which stays open', async () => {
    const client = clientOf(redis);
    try {
      const over = oidcProviderAdapter({ redis: client, keyPrefix: uniquePrefix() });
      const { id } = await issued(over, 'AccessToken');
      expect(await over('AccessToken').find(id)).toBeDefined();
      await over.close();
      await over.close();
      expect(await client.ping()).toBe('PONG');
      await expect(over('AccessToken').find(id)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    } finally {
      client.disconnect();
    }
  });

  it('two prefixes do not see each other', async () => {
    await using connection = await ConnectionUnderTest.open(inject('redisUrl'), { commandTimeoutMs: 2_000 });
    const [one, two] = [uniquePrefix(), uniquePrefix()].map((keyPrefix) => oidcProviderAdapter(connection, { keyPrefix }));
    const { id } = await issued(one!, 'AccessToken');
    expect(await two!('AccessToken').find(id)).toBeUndefined();
  });

  it('costs one round trip, and one more for what belongs to a grant or is found by another name, two to use it', async () => {
    // Each script was sent once before.
    const first = await issued(adapter, 'RefreshToken');
    await adapter('RefreshToken').consume(first.id);
    await adapter('RefreshToken').destroy(first.id);
    await adapter('RefreshToken').revokeByGrantId(first.grantId);
    const { id, grantId, payload } = await issued(adapter, 'RefreshToken');
    const [session, uid, request] = [newId(), newId(), newId()];
    const calls: [number, () => Promise<unknown>][] = [
      [2, () => adapter('RefreshToken').upsert(id, payload, 60)],
      [2, () => adapter('RefreshToken').find(id)],
      [3, () => adapter('RefreshToken').consume(id)],
      [1, () => adapter('RefreshToken').destroy(id)],
      [1, () => adapter('RefreshToken').revokeByGrantId(grantId)],
      [1, () => adapter('Grant').upsert(grantId, {}, 60)],
      [1, () => adapter('Grant').find(grantId)],
      [2, () => adapter('Session').upsert(session, { uid }, 60)],
      [1, () => adapter('Session').find(session)],
      [2, () => adapter('Session').findByUid(uid)],
      [1, () => adapter('Interaction').upsert(newId(), {}, 60)],
      [1, () => adapter('PushedAuthorizationRequest').upsert(request, {}, 60)],
      [1, () => adapter('PushedAuthorizationRequest').consume(request)],
      [1, () => adapter('Client').find('shop')],
    ];
    for (const [commands, call] of calls) expect((await commandsDuring(redis, call)).total, call.toString()).toBe(commands);
  });

  it('a full Redis stores nothing new, and ends what is to end', async () => {
    const [used, destroyed, revoked] = [
      await issued(adapter, 'RefreshToken'),
      await issued(adapter, 'RefreshToken'),
      await issued(adapter, 'RefreshToken'),
    ];
    const late = newId();
    await ask(redis, (client) => client.config('SET', 'maxmemory', '1'));
    try {
      await expect(adapter('Session').upsert(late, {}, 60)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_FULL' });
      expect(await adapter('RefreshToken').find(used.id)).toBeDefined();
      await adapter('RefreshToken').consume(used.id);
      await adapter('RefreshToken').destroy(destroyed.id);
      await adapter('RefreshToken').revokeByGrantId(revoked.grantId);
      await adapter('Grant').destroy(used.grantId);
    } finally {
      await ask(redis, (client) => client.config('SET', 'maxmemory', '0'));
    }
    expect(await adapter('Session').find(late)).toBeUndefined();
    for (const { id } of [used, destroyed, revoked]) expect(await adapter('RefreshToken').find(id)).toBeUndefined();
  });

  it('works on after SCRIPT FLUSH', async () => {
    await ask(redis, (client) => client.script('FLUSH'));
    const { id } = await issued(adapter, 'RefreshToken');
    await ask(redis, (client) => client.script('FLUSH'));
    await adapter('RefreshToken').consume(id);
    await expect(adapter('RefreshToken').consume(id)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

function closing(opened: StandaloneOidcProviderAdapter) {
  return { adapter: opened as AdapterFactory, [Symbol.asyncDispose]: () => opened.close() };
}
