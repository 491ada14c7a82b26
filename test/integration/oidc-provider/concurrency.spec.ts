import type { Redis } from 'ioredis';
import type { AdapterFactory } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { clientOf } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { hooked, Meeting } from './hooked-adapter.js';
import { type Answer, ProviderUnderTest, type Tokens } from './provider-under-test.js';
import { UsualAdapter } from './usual-adapter.js';

const AT_ONCE = 10;

let adapters: StandaloneOidcProviderAdapter[];
let instances: ProviderUnderTest[];
let on: ProviderUnderTest;
let usual: ProviderUnderTest;
let client: Redis;
let before: (call: string) => Promise<void> | void = () => undefined;
let after: (call: string) => Promise<void> | void = () => undefined;

const hookable = (factory: AdapterFactory): AdapterFactory =>
  hooked(factory, { before: (call) => before(call), after: (call) => after(call) });

beforeAll(async () => {
  const options = { redis: inject('redisUrl'), keyPrefix: uniquePrefix(), secret: TEST_SECRET };
  adapters = [oidcProviderAdapter(options), oidcProviderAdapter(options)];
  instances = await Promise.all(adapters.map((adapter) => ProviderUnderTest.start(hookable(adapter))));
  on = instances[0]!;
  client = clientOf(inject('redisUrl'));
  const prefix = uniquePrefix();
  usual = await ProviderUnderTest.start(hookable((model) => new UsualAdapter(model, client, prefix)));
});
afterEach(() => {
  before = after = () => undefined;
});
afterAll(async () => {
  for (const instance of [...instances, usual]) await instance[Symbol.asyncDispose]();
  await Promise.all(adapters.map((adapter) => adapter.close()));
  client.disconnect();
});

/** Everyone has read the record before anyone goes on. */
function meetAfter(call: string, size = AT_ONCE): void {
  const meeting = new Meeting(size);
  after = (made) => (made === call ? meeting.come() : undefined);
}

const times = <T>(call: (n: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: AT_ONCE }, (_, n) => call(n)));

/** The one that succeeded; all others were told `invalid_grant`. */
function onlyOneOf(answers: readonly Answer[]): Tokens {
  const told = answers.map(({ status, body }) => (status === 200 ? 'tokens' : `${status} ${String(body['error'])}`)).sort();
  expect(told).toEqual([...Array.from({ length: answers.length - 1 }, () => '400 invalid_grant'), 'tokens']);
  return answers.find(({ status }) => status === 200)!.body as unknown as Tokens;
}

async function expectWorking({ access_token, refresh_token }: Tokens): Promise<void> {
  expect(await on.userinfo(access_token)).toBe(200);
  expect((await on.refresh(refresh_token)).status).toBe(200);
}

describe('what is used once, at once', () => {
  it('10 refreshes of one token: one success, whose tokens work', async () => {
    const { refresh_token } = await on.signIn();
    meetAfter('RefreshToken.find');
    await expectWorking(onlyOneOf(await times(() => on.refresh(refresh_token))));
  });

  it('10 refreshes of one token at two instances: one success, whose tokens work', async () => {
    const { refresh_token } = await on.signIn();
    meetAfter('RefreshToken.find');
    await expectWorking(onlyOneOf(await times((n) => instances[n % 2]!.refresh(refresh_token))));
  });

  it('10 refreshes of one token as they come: one success', async () => {
    for (let round = 0; round < 10; round++) {
      const { refresh_token } = await on.signIn();
      onlyOneOf(await times((n) => instances[n % 2]!.refresh(refresh_token)));
    }
  });

  it('10 exchanges of one authorization code: one success, whose tokens work', async () => {
    const authorized = await on.authorize();
    meetAfter('AuthorizationCode.find');
    await expectWorking(onlyOneOf(await times(() => on.exchange(authorized))));
  });

  it('10 polls with one approved device code: one success, whose tokens work', async () => {
    const { body } = await on.startDevice();
    await on.approveDevice(body['user_code'] as string);
    meetAfter('DeviceCode.find');
    await expectWorking(onlyOneOf(await times(() => on.pollDevice(body['device_code'] as string))));
  });

  it('the usual adapter gives tokens to all ten', async () => {
    const { refresh_token } = await usual.signIn();
    meetAfter('RefreshToken.find');
    const answers = await times(() => usual.refresh(refresh_token));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(AT_ONCE);
  });

  it('a client assertion or proof is accepted by one of ten requests', async () => {
    const { ReplayDetection } = on.provider as unknown as {
      ReplayDetection: { unique(iss: string, jti: string, exp: number): Promise<boolean> };
    };
    const exp = Math.floor(Date.now() / 1000) + 60;
    meetAfter('ReplayDetection.find');
    const outcomes = await times(() => ReplayDetection.unique('shop', 'assertion-1', exp).catch((error: { error: string }) => error.error));
    expect(outcomes.sort()).toEqual([...Array.from({ length: AT_ONCE - 1 }, () => 'invalid_request'), true].sort());
    expect(await ReplayDetection.unique('shop', 'assertion-1', exp)).toBe(false);
  });
});

describe('requests that meet', () => {
  it('a refresh that comes while the first is at work is refused, and the first keeps its tokens', async () => {
    const { refresh_token } = await on.signIn();
    let late: Promise<Answer> | undefined;
    after = async (call) => {
      if (call !== 'RefreshToken.consume' || late !== undefined) return;
      late = on.refresh(refresh_token);
      await late;
    };
    const first = await on.refresh(refresh_token);
    expect(await late).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(first.status).toBe(200);
    await expectWorking(first.body as unknown as Tokens);
  });

  it('neither does it harm to what the same browser got by signing in once more', async () => {
    const browser = on.browser();
    const { refresh_token } = await on.signIn(browser);
    const again = await on.signIn(browser);
    let late: Promise<Answer> | undefined;
    after = async (call) => {
      if (call !== 'RefreshToken.consume' || late !== undefined) return;
      late = on.refresh(refresh_token);
      await late;
    };
    const first = await on.refresh(refresh_token);
    expect(await late).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await expectWorking(first.body as unknown as Tokens);
    await expectWorking(again);
  });

  it('a code that comes again while the first exchange is at work is refused, and the first keeps its tokens', async () => {
    const authorized = await on.authorize();
    let late: Promise<Answer> | undefined;
    after = async (call) => {
      if (call !== 'AuthorizationCode.consume' || late !== undefined) return;
      late = on.exchange(authorized);
      await late;
    };
    const first = await on.exchange(authorized);
    expect(await late).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await expectWorking(first.body as unknown as Tokens);
  });

  it.each(['RefreshToken.upsert', 'AccessToken.upsert'])('what a refresh stores after its grant was revoked is dead (%s)', async (held) => {
    const tokens = await on.signIn();
    let revoked: Promise<void> | undefined;
    before = async (call) => {
      if (call !== held || revoked !== undefined) return;
      revoked = on.revoke(tokens.refresh_token);
      await revoked;
    };
    const { status, body } = await on.refresh(tokens.refresh_token);
    expect(status).toBe(200);
    for (const token of [body['access_token'], body['refresh_token'], tokens.access_token]) {
      expect(await on.isActive(token as string)).toBe(false);
      expect(await on.provider.AccessToken.find(token as string)).toBeUndefined();
      expect(await on.provider.RefreshToken.find(token as string)).toBeUndefined();
    }
  });

  it('a request in flight does not bring back the session that was logged out', async () => {
    const browser = on.browser();
    const tokens = await on.signIn(browser);
    const other = browser.clone();
    let loggedOut: Promise<unknown> | undefined;
    before = async (call) => {
      if (call !== 'Session.upsert' || loggedOut !== undefined) return;
      loggedOut = on.logOut(browser, tokens.id_token);
      await loggedOut;
    };
    await other.go('/session/end');
    expect(loggedOut).toBeDefined();
    const page = await (await other.go('/session/end')).text();
    expect(page).toContain('name="logout" value="yes"');
  });
});
