import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { ProviderUnderTest, type Tokens } from './provider-under-test.js';

let adapter: StandaloneOidcProviderAdapter;
let on: ProviderUnderTest;
beforeAll(async () => {
  adapter = oidcProviderAdapter({ redis: inject('redisUrl'), keyPrefix: uniquePrefix(), secret: TEST_SECRET });
  on = await ProviderUnderTest.start(adapter);
});
afterAll(async () => {
  await on?.[Symbol.asyncDispose]();
  await adapter?.close();
  expect(on.serverErrors).toEqual([]);
});

const refused = { status: 400, body: { error: 'invalid_grant' } };

async function refreshed(refreshToken: string): Promise<Tokens> {
  const { status, body } = await on.refresh(refreshToken);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as unknown as Tokens;
}

async function expectDead({ access_token, refresh_token }: Tokens): Promise<void> {
  expect(await on.isActive(access_token)).toBe(false);
  expect(await on.isActive(refresh_token)).toBe(false);
  expect(await on.userinfo(access_token)).toBe(401);
  expect(await on.refresh(refresh_token)).toMatchObject(refused);
}

describe('flows of oidc-provider over the adapter', () => {
  it('authorization code with PKCE: tokens that work', async () => {
    const tokens = await on.signIn();
    expect(await on.userinfo(tokens.access_token)).toBe(200);
    expect(await on.isActive(tokens.access_token)).toBe(true);
    expect(await on.isActive(tokens.refresh_token)).toBe(true);
  });

  it('a signed-in browser is not asked again', async () => {
    const browser = on.browser();
    await on.signIn(browser);
    expect((await on.exchange(await on.authorize(browser))).status).toBe(200);
  });

  it('a wrong verifier gives nothing, and does not use the code up', async () => {
    const authorized = await on.authorize();
    expect(await on.exchange({ ...authorized, verifier: 'x'.repeat(43) })).toMatchObject(refused);
    expect((await on.exchange(authorized)).status).toBe(200);
  });

  it('a code used a second time revokes what the first use gave', async () => {
    const authorized = await on.authorize();
    const tokens = (await on.exchange(authorized)).body as unknown as Tokens;
    expect(await on.exchange(authorized)).toMatchObject(refused);
    await expectDead(tokens);
  });

  it('refresh tokens rotate, again and again', async () => {
    let tokens = await on.signIn();
    for (let n = 0; n < 5; n++) {
      const next = await refreshed(tokens.refresh_token);
      expect(next.refresh_token).not.toBe(tokens.refresh_token);
      expect(await on.userinfo(next.access_token)).toBe(200);
      tokens = next;
    }
  });

  it('a rotated refresh token that comes back ends the grant with all its tokens', async () => {
    const first = await on.signIn();
    const second = await refreshed(first.refresh_token);
    expect(await on.refresh(first.refresh_token)).toMatchObject(refused);
    await expectDead(second);
    expect(await on.isActive(first.access_token)).toBe(false);
  });

  it('an older generation that comes back ends the grant, too', async () => {
    const first = await on.signIn();
    const second = await refreshed(first.refresh_token);
    const third = await refreshed(second.refresh_token);
    expect(await on.refresh(first.refresh_token)).toMatchObject(refused);
    await expectDead(third);
  });

  it('a revoked refresh token takes the access token along', async () => {
    const tokens = await on.signIn();
    await on.revoke(tokens.refresh_token);
    await expectDead(tokens);
  });

  it('a revoked access token takes the refresh token along, and the browser stays signed in with its consent', async () => {
    const browser = on.browser();
    const tokens = await on.signIn(browser);
    await on.revoke(tokens.access_token);
    await expectDead(tokens);
    const next = await on.signIn(browser);
    expect(await on.userinfo(next.access_token)).toBe(200);
    await refreshed(next.refresh_token);
  });

  it('revoking one sign-in leaves those of other people alone', async () => {
    const [mine, other] = [await on.signIn(), await on.signIn()];
    await on.revoke(mine.refresh_token);
    expect(await on.userinfo(other.access_token)).toBe(200);
    await refreshed(other.refresh_token);
  });

  it('revoking and introspecting what was never issued is no error', async () => {
    await on.revoke('never-issued');
    expect(await on.isActive('never-issued')).toBe(false);
    expect(await on.isActive('x'.repeat(5000))).toBe(false);
    expect(await on.refresh('x'.repeat(5000))).toMatchObject(refused);
    expect(await on.userinfo('x')).toBe(401);
  });

  it('logout at the provider ends session and tokens; the next sign-in starts afresh', async () => {
    const browser = on.browser();
    const tokens = await on.signIn(browser);
    expect(await on.logOut(browser, tokens.id_token)).toBe('https://shop.example.com/bye');
    await expectDead(tokens);
    expect(await on.userinfo((await on.signIn(browser)).access_token)).toBe(200);
  });

  it('a session that was logged out stays so for a second browser with its cookie', async () => {
    const browser = on.browser();
    const tokens = await on.signIn(browser);
    const other = browser.clone();
    await on.logOut(browser, tokens.id_token);
    const page = await (await other.go('/session/end')).text();
    // Nobody is signed in: the page posts by itself instead of asking.
    expect(page).toContain('name="logout" value="yes"');
  });

  it('device flow: pending, approved, used once', async () => {
    const { body } = await on.startDevice();
    const [deviceCode, userCode] = [body['device_code'] as string, body['user_code'] as string];
    expect(await on.pollDevice(deviceCode)).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
    await on.approveDevice(userCode);
    const { status, body: tokens } = await on.pollDevice(deviceCode);
    expect(status).toBe(200);
    expect(await on.userinfo(tokens['access_token'] as string)).toBe(200);
    expect(await on.pollDevice(deviceCode)).toMatchObject(refused);
    await expectDead(tokens as unknown as Tokens);
  });

  it('clients register, are found, and remove themselves', async () => {
    const headers = { 'content-type': 'application/json' };
    const registered = await fetch(`${on.issuer}/reg`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ redirect_uris: ['https://other.example.com/callback'] }),
    });
    const client = (await registered.json()) as Record<string, string>;
    expect(registered.status).toBe(201);
    const authorization = `Bearer ${client['registration_access_token']}`;
    const management = client['registration_client_uri']!;
    const read = await fetch(management, { headers: { authorization } });
    expect(await read.json()).toMatchObject({ client_id: client['client_id'], client_secret: client['client_secret'] });
    expect((await fetch(management, { method: 'DELETE', headers: { authorization } })).status).toBe(204);
    expect(await on.provider.Client.find(client['client_id']!)).toBeUndefined();
    expect((await fetch(management, { headers: { authorization } })).status).toBe(401);
  });
});
