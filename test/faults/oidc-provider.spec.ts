import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../lib/adapters/oidc-provider/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { issued, newId } from '../integration/oidc-provider/issued.js';
import { ProviderUnderTest, type Tokens } from '../integration/oidc-provider/provider-under-test.js';
import { rejection } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { TEST_SECRET } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';

const COMMAND_TIMEOUT = 700;
const SLACK = 150;

let redis: TestRedis;
let proxy: FaultProxy;
let adapter: StandaloneOidcProviderAdapter;
let on: ProviderUnderTest;
let tokens: Tokens;
beforeAll(async () => {
  redis = await startRedis();
  proxy = await FaultProxy.open(redis.url);
  adapter = oidcProviderAdapter({ redis: proxy.url, commandTimeout: COMMAND_TIMEOUT, secret: TEST_SECRET });
  on = await ProviderUnderTest.start(adapter);
  tokens = await on.signIn();
});
afterEach(async () => {
  await proxy.heal();
  await until(async () => (await on.userinfo(tokens.access_token)) === 200);
});
afterAll(async () => {
  await on?.[Symbol.asyncDispose]();
  await adapter?.close();
  await proxy?.close();
  await redis?.stop();
});

const faults: Record<string, () => Promise<void> | void> = {
  'refuses connections': () => proxy.refuse(),
  'closes each connection': () => proxy.acceptThenClose(),
  'does not answer': () => proxy.silence(),
};

describe.each(Object.keys(faults))('while Redis %s', (fault) => {
  it('S14 each method rejects in time, and says that it is the store', async () => {
    const { id, grantId } = await issued(adapter, 'RefreshToken');
    await faults[fault]!();
    const calls = [
      () => adapter('RefreshToken').upsert(newId(), { grantId }, 60),
      () => adapter('RefreshToken').find(id),
      () => adapter('Session').findByUid(id),
      () => adapter('DeviceCode').findByUserCode('BCDF'),
      () => adapter('RefreshToken').consume(id),
      () => adapter('RefreshToken').destroy(id),
      () => adapter('RefreshToken').revokeByGrantId(grantId),
    ];
    for (const call of calls) {
      const { error, ms } = await rejection(call);
      expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', operation: expect.stringMatching(/^oidcProvider\./) });
      expect(ms).toBeLessThan(COMMAND_TIMEOUT + SLACK);
    }
  });

  it('S14 clients are told of a server error, never that their grant is invalid; it works on afterwards', async () => {
    await faults[fault]!();
    const { result, ms } = await settledIn(() => on.refresh(tokens.refresh_token));
    expect(result).toMatchObject({ status: 500, body: { error: 'server_error' } });
    expect(ms).toBeLessThan(COMMAND_TIMEOUT + 2 * SLACK);
    expect(on.serverErrors.at(-1)).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    await proxy.heal();
    tokens = await until(async () => {
      const { status, body } = await on.refresh(tokens.refresh_token);
      return status === 200 && (body as unknown as Tokens);
    });
  });
});

describe('where a reply is lost', () => {
  it('a use may have counted: the caller is told that it is in doubt, and nobody else gets it', async () => {
    const { id } = await issued(adapter, 'AuthorizationCode');
    const lost = proxy.dropNextReply(([name]) => name?.toUpperCase() === 'EVALSHA');
    const { error } = await rejection(() => adapter('AuthorizationCode').consume(id));
    await lost;
    expect(error).toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
    const again = await until(() =>
      rejection(() => adapter('AuthorizationCode').consume(id)).then((failed) => 'statusCode' in failed.error && failed),
    );
    expect(again.error).toMatchObject({ error: 'invalid_grant' });
  });

  it('a grant whose revocation was in doubt is revoked', async () => {
    const { id, grantId } = await issued(adapter, 'RefreshToken');
    // The server has to be told the script once.
    await adapter('RefreshToken').revokeByGrantId(newId());
    const lost = proxy.dropNextReply(([name]) => name?.toUpperCase() === 'EVALSHA');
    const { error } = await rejection(() => adapter('RefreshToken').revokeByGrantId(grantId));
    await lost;
    expect(error).toMatchObject({ ambiguous: true });
    await until(async () => (await on.userinfo(tokens.access_token)) === 200);
    expect(await adapter('RefreshToken').find(id)).toBeUndefined();
  });
});
