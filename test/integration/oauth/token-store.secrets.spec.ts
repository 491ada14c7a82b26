import { randomBytes } from 'node:crypto';
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveKey } from '../../../lib/jwt/index.js';
import { encryptionKeyPurpose, OAuthTokenStore } from '../../../lib/oauth/index.js';
import { resolveStandalone } from '../../../lib/options/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask, clientOf } from '../../support/ask.js';
import { CommandMonitor } from '../../support/monitor.js';
import { captureLog } from '../../support/open-connection.js';
import { until } from '../../support/until.js';

const KEY_PREFIX = 'secrets:';
const secret = (name: string): string => `${name}-${randomBytes(18).toString('base64url')}`;
const SECRET = randomBytes(48).toString('base64url');
const OLD_SECRET = randomBytes(48).toString('base64url');
const PASSWORD = secret('password');
const everything = { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null, breakLength: Infinity } as const;

const client = { clientId: secret('client'), clientSecret: secret('secret'), redirectUri: 'https://app.test/callback' };
const pkce = { codeVerifier: secret('verifier'), codeChallenge: secret('challenge'), resourceUrl: '', url: '' };
const token = { accessToken: secret('access'), refreshToken: secret('refresh'), resourceUrl: '' };
const state = secret('state');
const stored = secret('stored');
const secrets = [
  client.clientId,
  client.clientSecret,
  pkce.codeVerifier,
  pkce.codeChallenge,
  token.accessToken,
  token.refreshToken,
  state,
  stored,
];

/** Everything that could be looked into afterwards, by where it was found. */
const found = { monitor: [] as string[], stored: [] as string[], traced: [] as string[], errors: [] as string[] };
const codes = new Set<unknown>();
let log: string[];
let redis: TestRedis;
const stopTracing: (() => void)[] = [];

async function everyCall(store: OAuthTokenStore): Promise<void> {
  const calls: (() => Promise<unknown>)[] = [
    () => store.saveClientCredentials('https://as.test', client),
    () => store.getClientCredentials('https://as.test'),
    () => store.savePKCEValues('ann', state, pkce),
    () => store.getPKCEValues('ann', state),
    () => store.savePKCEValues('ann', state, pkce),
    () => store.saveAccessToken('ann', '', token),
    () => store.saveAccessToken('ann', '', { ...token, expiresAt: Date.now() / 1_000 + 60 }),
    () => store.saveAccessToken('ann', '', { ...token, expiresAt: Number.NaN }),
    () => store.saveAccessToken('ann', token.accessToken.repeat(300), token),
    () => store.getAccessToken('ann', ''),
    () => store.storeToken('key', stored),
    () => store.storeToken('key', stored, new Date(Number.NaN)),
    () => store.storeToken('key', `${stored}\ud800`),
    () => store.getToken('key'),
    () => store.hasToken('key'),
    () => store.listTokens(),
    () => store.deleteToken('key'),
    () => store.storeToken('key', stored),
  ];
  for (const call of calls) {
    try {
      await call();
    } catch (error) {
      codes.add((error as { code?: unknown }).code);
      found.errors.push(inspect(error, everything), JSON.stringify(error), String((error as Error).stack));
    }
  }
}

beforeAll(async () => {
  for (const name of ['ioredis:command', 'ioredis:batch', 'ioredis:connect']) {
    const channel: TracingChannel<unknown> = tracingChannel(name);
    const note = (payload: unknown): void => void found.traced.push(inspect(payload, everything));
    const subscribers = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note };
    channel.subscribe(subscribers);
    stopTracing.push(() => channel.unsubscribe(subscribers));
  }
  log = captureLog();
  redis = await startRedis({ password: PASSWORD });
  const open = (keys: [string, string][], more: object = {}): OAuthTokenStore =>
    new OAuthTokenStore({
      redis: redis.url,
      keyPrefix: KEY_PREFIX,
      commandTimeout: 300,
      encryption: { keys: keys.map(([id, key]) => ({ id, key })) },
      ...more,
    });
  const store = open([['new', SECRET]]);
  const old = open([
    ['old', OLD_SECRET],
    ['new', SECRET],
  ]);
  let place = '';
  const encryption = {
    encrypt: (text: string) => ([place = ''] = text.split('\n')) && 'sealed',
    // what JSON.parse would quote in its error
    decrypt: () => `${place}\n${stored}`,
  };
  const hooked = open([], { keyPrefix: `${KEY_PREFIX}h:`, encryption, commandTimeout: 5_000 });
  // ioredis takes a command that is monitored in the moment when MONITOR begins for a reply
  for (const each of [store, old]) await until(() => each.hasToken('warm').then(() => true));
  {
    await using monitor = await CommandMonitor.start(redis);
    await everyCall(store);
    await everyCall(old);
    await ask(redis, (admin) => admin.config('SET', 'maxmemory', '1'));
    await everyCall(store);
    await ask(redis, (admin) => admin.config('SET', 'maxmemory', '0'));
    // what the old key encrypted cannot be read by the first
    await everyCall(old);
    for (const read of [() => store.getToken('key'), () => store.getAccessToken('ann', ''), () => store.getPKCEValues('ann', state)])
      await read().catch((error: unknown) => found.errors.push(inspect(error, everything)));
    await everyCall(old);
    found.monitor.push(...(await monitor.commands()).map(({ args }) => args.join(' ')));
  }
  const reader = clientOf(redis);
  for (const key of await reader.keys('*')) {
    const isText = (await reader.type(key)) === 'string';
    found.stored.push(key, ...(isText ? [(await reader.get(key))!] : await reader.zrange(key, '0', '-1', 'WITHSCORES')));
  }
  reader.disconnect();
  await hooked.storeToken('key', stored);
  await hooked.getToken('key').catch((error: unknown) => found.errors.push(inspect(error, everything)));
  await redis.pause();
  await everyCall(store);
  await redis.kill();
  await everyCall(store);
  await until(() => log.some((line) => line.includes('is not available')));
  await Promise.all([store.close(), old.close(), hooked.close()]);
  await everyCall(store);
  try {
    resolveStandalone({ redis: 42, secret: SECRET.slice(0, 31) }, [], () => ({}));
  } catch (error) {
    found.errors.push(inspect(error, everything));
  }
}, 60_000);
afterAll(async () => {
  stopTracing.forEach((stop) => stop());
  await redis.stop();
});

describe('S16 after a life of all operations and faults', () => {
  it('the story had what it needs to prove anything', () => {
    expect(codes).toEqual(
      new Set([
        'ERR_REDIS_AUTH_INVALID_ARGUMENT',
        'ERR_REDIS_AUTH_STORE_FULL',
        'ERR_REDIS_AUTH_STORE_UNAVAILABLE',
        'ERR_REDIS_AUTH_DECRYPTION',
      ]),
    );
    for (const place of ['monitor', 'stored', 'traced'] as const) {
      expect(found[place].join('\n'), place).toMatch(/secrets:a:\{[\w-]{6}\}access:/);
      expect(found[place].join('\n'), place).toMatch(/v1\.old\.[\w-]{38}/);
    }
    expect(found.errors.join('\n')).toMatch(/cannot be decrypted with the key 'old'/);
    expect(found.errors.join('\n')).toMatch(/cannot be decrypted; give the key or hook/);
    expect(found.monitor.join('\n')).toMatch(/evalsha/);
    expect(found.errors.join('\n')).not.toMatch(/JSON/);
  });

  it('no secret is seen anywhere, in whatever form, nor a key', () => {
    const derived = [SECRET, OLD_SECRET].map((key) => {
      const { secret: keyObject } = resolveStandalone({ secret: key }, [], () => ({}));
      return deriveKey(keyObject!, encryptionKeyPurpose(KEY_PREFIX));
    });
    const forms = [...[...secrets, SECRET, OLD_SECRET].map((text) => Buffer.from(text)), ...derived].flatMap((bytes) =>
      (['latin1', 'hex', 'base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding)),
    );
    const places = { ...found, log };
    for (const [place, texts] of Object.entries(places)) {
      const all = texts.join('\n');
      for (const form of forms) expect(all.includes(form), `${place}: ${form.slice(0, 8)}…`).toBe(false);
    }
  });

  it('the password of Redis is in no error and no log', () => {
    for (const text of [...found.errors, ...log]) expect(text).not.toContain(PASSWORD);
  });
});
