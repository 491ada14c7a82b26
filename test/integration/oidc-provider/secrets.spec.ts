import { inspect } from 'node:util';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oidcProviderAdapter, type StandaloneOidcProviderAdapter } from '../../../lib/adapters/oidc-provider/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { CommandMonitor } from '../../support/monitor.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { hooked } from './hooked-adapter.js';
import { issued, newId } from './issued.js';
import { ProviderUnderTest, type Tokens } from './provider-under-test.js';

let redis: TestRedis;
let adapter: StandaloneOidcProviderAdapter;
let on: ProviderUnderTest;
/** Every id and every text in a payload that the provider stored. */
const secrets = new Set<string>();

beforeAll(async () => {
  redis = await startRedis();
  adapter = oidcProviderAdapter({ redis: redis.url, keyPrefix: 'o:', secret: TEST_SECRET });
  const noting: typeof adapter = Object.assign(
    (model: string) =>
      new Proxy(adapter(model), {
        get: (target, name: 'upsert') => {
          const method = target[name].bind(target);
          return (...args: Parameters<typeof method>) => (note(args), method(...args));
        },
      }),
    { close: () => adapter.close() },
  );
  on = await ProviderUnderTest.start(hooked(noting, {}));
});
afterAll(async () => {
  await on?.[Symbol.asyncDispose]();
  await adapter?.close();
  await redis?.stop();
});

function note(value: unknown): void {
  if (typeof value === 'string' && value.length >= 8) secrets.add(value);
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(note);
}

/** Every key with all that it holds. */
async function readAll(client: Redis): Promise<string[]> {
  const texts: string[] = [];
  for (const key of await client.keys('*')) {
    const held = (await client.type(key)) === 'hash' ? Object.entries(await client.hgetall(key)).flat() : [(await client.get(key))!];
    texts.push(key, ...held);
  }
  return texts;
}

async function everyFlow(): Promise<void> {
  const browser = on.browser();
  const tokens = await on.signIn(browser);
  const next = (await on.refresh(tokens.refresh_token)).body as unknown as Tokens;
  await on.userinfo(next.access_token);
  await on.isActive(next.refresh_token);
  await on.refresh(tokens.refresh_token);
  await on.revoke(next.refresh_token);
  const { body } = await on.startDevice();
  await on.approveDevice(body['user_code'] as string, browser);
  await on.pollDevice(body['device_code'] as string);
  await on.logOut(browser, (await on.signIn(browser)).id_token);
  const metadata = JSON.stringify({ redirect_uris: ['https://other.example.com/callback'] });
  const registered = await fetch(`${on.issuer}/reg`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: metadata });
  const { client_secret } = (await registered.json()) as { client_secret: string };
  for (const secret of [...Object.values(tokens), ...Object.values(next), body['user_code'], body['device_code'], client_secret])
    note(secret);
}

describe('what Redis gets to see', () => {
  it('S16 no token, code, cookie, client secret or content of a record in MONITOR, keys or values', async () => {
    await using monitor = await CommandMonitor.start(redis);
    await everyFlow();
    await ask(redis, (client) => client.script('FLUSH'));
    await everyFlow();
    const stored = await ask(redis, readAll);
    const seen = (await monitor.commands()).map(({ args }) => args.join(' '));
    expect(secrets.size).toBeGreaterThan(40);
    expect(stored.length).toBeGreaterThan(40);
    const everything = [...stored, ...seen].join('\n');
    expect([...secrets].filter((secret) => everything.includes(secret))).toEqual([]);
    expect(on.serverErrors).toEqual([]);
  });

  it('S16 neither do errors hold any', async () => {
    await ask(redis, (client) => client.flushdb());
    const { id, grantId } = await issued(adapter, 'RefreshToken');
    const errors: unknown[] = [];
    const failing = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => errors.push(error));
    await adapter('RefreshToken').consume(id);
    await failing(adapter('RefreshToken').consume(id));
    const [record] = await ask(redis, (client) => client.keys('o:j:*'));
    await ask(redis, (client) => client.hset(record!, 'd', 'changed by someone'));
    await failing(adapter('RefreshToken').find(id));
    await ask(redis, (client) => client.set(record!, 'of another type'));
    await failing(adapter('RefreshToken').find(id));
    await failing(adapter('RefreshToken').upsert(id, { grantId, accountId: 'annabel-lee' }, 60));
    expect(errors.map((error) => (error as { code?: string; error?: string }).code ?? (error as { error?: string }).error)).toEqual([
      'invalid_grant',
      'ERR_REDIS_AUTH_DECRYPTION',
      'ERR_REDIS_AUTH_STORE_UNAVAILABLE',
      'ERR_REDIS_AUTH_STORE_UNAVAILABLE',
    ]);
    const told = errors.map((error) => inspect(error, { depth: 10, showHidden: true })).join('\n');
    for (const secret of [id, grantId, 'annabel-lee', record!]) expect(told).not.toContain(secret);
  });

  it('the same content never looks the same twice', async () => {
    const values = new Set<string>();
    const [id, other] = [newId(), newId()];
    for (const each of [id, id, other]) {
      await ask(redis, (client) => client.flushdb());
      await adapter('Session').upsert(each, { accountId: 'ann' }, 60);
      values.add((await ask(redis, readAll)).find((_text, n, all) => all[n - 1] === 'd')!);
    }
    expect(values.size).toBe(3);
  });
});
