import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { TEST_SECRET } from '../../support/sessions.js';
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

describe('consume', () => {
  it.each([...MODELS_OF_A_GRANT, 'PushedAuthorizationRequest'])('%s: one of 100 succeeds', async (model) => {
    const { id } = await issued(adapter, model);
    const errors: { statusCode: number; error: string }[] = [];
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () =>
        adapter(model)
          .consume(id)
          .then(
            () => true,
            (error: { statusCode: number; error: string }) => errors.push(error) < 0,
          ),
      ),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    const answer = model === 'PushedAuthorizationRequest' ? 'invalid_request_uri' : 'invalid_grant';
    for (const error of errors) expect(error).toMatchObject({ statusCode: 400, error: answer, expose: true });
  });

  it.each(MODELS_OF_A_GRANT)('%s: what is unknown, expired or destroyed cannot be used', async (model) => {
    const { id } = await issued(adapter, model);
    await adapter(model).destroy(id);
    const before = await ask(redis, (client) => client.dbsize());
    await expect(adapter(model).consume(id)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(adapter(model).consume(newId())).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await ask(redis, (client) => client.dbsize())).toBe(before);
  });

  it('a used request says so at once; a used refresh token as soon as a token was issued in its place', async () => {
    const request = newId();
    await adapter('PushedAuthorizationRequest').upsert(request, { jti: request }, 60);
    await adapter('PushedAuthorizationRequest').consume(request);
    expect(await adapter('PushedAuthorizationRequest').find(request)).toMatchObject({ consumed: expect.any(Number) });

    const { id, grantId, payload } = await issued(adapter, 'RefreshToken');
    await adapter('RefreshToken').consume(id);
    expect(await adapter('RefreshToken').find(id)).toEqual(payload);
    await adapter('AccessToken').upsert(newId(), { grantId }, 60);
    expect(await adapter('RefreshToken').find(id)).toEqual(payload);
    const next = newId();
    await adapter('RefreshToken').upsert(next, { grantId }, 60);
    const { consumed } = (await adapter('RefreshToken').find(id))!;
    expect(Math.abs(Number(consumed) - Date.now() / 1000)).toBeLessThan(30);
    expect(await adapter('RefreshToken').find(next)).not.toHaveProperty('consumed');
  });

  it.each(MODELS_OF_A_GRANT)('%s: what was issued before its use tells nothing of it', async (model) => {
    const { id, grantId, payload } = await issued(adapter, model);
    for (const other of ['AccessToken', 'RefreshToken']) await adapter(other).upsert(newId(), { grantId }, 60);
    await adapter(model).consume(id);
    expect(await adapter(model).find(id)).toEqual(payload);
    await adapter('RefreshToken').upsert(newId(), { grantId }, 60);
    expect(await adapter(model).find(id)).toMatchObject({ consumed: expect.any(Number) });
  });

  it('what was used stays so when it is stored again', async () => {
    const { id, payload, grantId } = await issued(adapter, 'AuthorizationCode');
    await adapter('AuthorizationCode').consume(id);
    await adapter('AuthorizationCode').upsert(id, payload, 60);
    await adapter('AccessToken').upsert(newId(), { grantId }, 60);
    expect(await adapter('AuthorizationCode').find(id)).toMatchObject({ consumed: expect.any(Number) });
    await expect(adapter('AuthorizationCode').consume(id)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});
