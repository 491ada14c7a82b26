import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { guardedApp, PLATFORMS, type RunningApp } from '../e2e/guarded-app.js';
import { ask } from '../support/ask.js';
import { captureLog } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { openSessions, testOptions } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';

const DEADLINE_MS = 700;
const PASSWORD = 'first-password';

let redis: TestRedis;
let proxy: FaultProxy;
beforeEach(async () => {
  redis = await startRedis({ password: PASSWORD });
  proxy = await FaultProxy.open(redis.url);
  captureLog();
});
afterEach(async () => {
  await proxy.close();
  await redis.stop();
});

/** Those that leave the data where it is. */
const faults: Record<string, { begin: () => Promise<void> | void; end: () => Promise<void> | void }> = {
  down: { begin: () => proxy.refuse(), end: () => proxy.heal() },
  stopped: { begin: () => redis.pause(), end: () => redis.resume() },
  silent: { begin: () => proxy.silence(), end: () => proxy.heal() },
  'accepting, then closing': { begin: () => proxy.acceptThenClose(), end: () => proxy.heal() },
  'no longer letting us in': {
    async begin() {
      await ask(redis, (client) => client.config('SET', 'requirepass', 'second-password'));
      proxy.cut();
    },
    async end() {
      const url = new URL(redis.url);
      url.password = 'second-password';
      await ask(url.href, (client) => client.config('SET', 'requirepass', PASSWORD));
    },
  },
};

/** Guarded routes are 503 in time, with Retry-After; public ones are as ever; what needs no Redis is refused as ever. */
async function isUnavailable(app: RunningApp, accessToken: string): Promise<void> {
  const { result: answers, ms } = await settledIn(() =>
    Promise.all(['/me', '/read', '/optional', '/data'].map((path) => app.get(path, accessToken))),
  );
  expect(ms).toBeLessThan(DEADLINE_MS + 250);
  for (const { status, headers, body } of answers!) {
    expect({ status, statusCode: (body as { statusCode: number }).statusCode }).toEqual({ status: 503, statusCode: 503 });
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  }
  expect((await app.get('/public', accessToken)).status).toBe(200);
  expect((await app.get('/me')).status).toBe(401);
  expect((await app.get('/me', `${accessToken.slice(0, -3)}AAA`)).status).toBe(401);
}

describe.each(PLATFORMS)('S14 the guard on %s', (platform) => {
  it.each(Object.keys(faults))('while Redis is %s answers 503, never 401, 200 or 500; then the same tokens work', async (name) => {
    const { begin, end } = faults[name]!;
    await using app = await guardedApp(
      platform,
      testOptions({ redis: proxy.url, commandTimeout: DEADLINE_MS, sessions: { revocation: 'remote' } }),
    );
    const { accessToken } = await app.sessions.create('alice', { scopes: ['read'] });
    expect((await app.get('/me', accessToken)).status).toBe(200);
    await begin();
    await isUnavailable(app, accessToken);
    await isUnavailable(app, accessToken);
    await end();
    await until(async () => (await app.get('/me', accessToken)).status === 200, { within: 2_000, what: 'the same token works' });
  });

  it('boots while Redis is down, and works as soon as it is there', async () => {
    const options = testOptions({ redis: proxy.url, commandTimeout: DEADLINE_MS, sessions: { revocation: 'remote' } });
    const { accessToken } = await (async () => {
      await using before = await openSessions(options);
      return await before.sessions.create('alice', { scopes: ['read'] });
    })();
    await proxy.refuse();
    await using app = await guardedApp(platform, options);
    await isUnavailable(app, accessToken);
    await proxy.heal();
    await until(async () => (await app.get('/me', accessToken)).status === 200, { within: 2_000, what: 'the token works' });
  });

  it('after kill -9 and a start without data refuses what was lost as invalid, and signs in anew', async () => {
    await using app = await guardedApp(
      platform,
      testOptions({ redis: proxy.url, commandTimeout: DEADLINE_MS, sessions: { revocation: 'remote' } }),
    );
    const { accessToken } = await app.sessions.create('alice', { scopes: ['read'] });
    await redis.kill();
    await isUnavailable(app, accessToken);
    await redis.restart();
    await until(async () => (await app.get('/me', accessToken)).status === 401, { within: 2_000, what: 'Redis is heard again' });
    expect((await app.get('/me', accessToken)).body).toMatchObject({ reason: 'invalid' });
    expect((await app.get('/me', (await app.sessions.create('alice')).accessToken)).status).toBe(200);
  });
});
