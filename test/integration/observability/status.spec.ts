import { Test } from '@nestjs/testing';
import { CacheAdapter, RateLimiter, RedisAuthModule, RedisAuthStatus, SessionService } from 'nestjs-redis-auth';
import { expect, it } from 'vitest';
import { startRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const WELL = { state: 'up', reasons: [], redis: 'available', revocation: { mode: 'local' } };
const LIMIT = { limit: 9, window: '1m' } as const;

async function appOn(redis: string, commandTimeout = 2_000) {
  captureLog();
  const options = testOptions({
    redis,
    keyPrefix: 'p:',
    commandTimeout,
    audit: 'off',
    sessions: { maxStaleness: '60s' },
    cache: { localMaxBytes: 0 },
  });
  const module = await Test.createTestingModule({ imports: [RedisAuthModule.forRoot(options)] }).compile();
  await module.init();
  return {
    sessions: module.get(SessionService),
    cache: module.get(CacheAdapter),
    limiter: module.get(RateLimiter),
    status: module.get(RedisAuthStatus),
    [Symbol.asyncDispose]: () => module.close(),
  };
}

it('tells that Redis refuses calls while it answers, and that it does no longer', async () => {
  await using redis = await startRedis({ users: ['app on >pw ~* &* +@all'] });
  await using app = await appOn(`redis://app:pw@127.0.0.1:${redis.port}`);
  await until(() => app.status.look().state === 'up');
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', '-evalsha', '-eval'));
  await expect(app.sessions.create('ann')).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
  const refused = { state: 'degraded', reasons: ['redis-refuses'], redis: 'refusing' };
  expect(app.status.look()).toMatchObject(refused);
  expect(await app.status.ask()).toMatchObject(refused);
  await ask(redis, (client) => client.call('ACL', 'SETUSER', 'app', '+@all'));
  await app.sessions.create('ann');
  expect(app.status.look()).toMatchObject(WELL);
});

it('tells that nothing is known of revocations while Redis has not answered yet', async () => {
  await using redis = await startRedis();
  await using proxy = await FaultProxy.open(redis.url);
  proxy.silence();
  await using app = await appOn(proxy.url, 300);
  expect(app.status.look()).toMatchObject({
    state: 'down',
    reasons: ['redis-unavailable', 'revocations-unknown'],
    redis: 'unavailable',
    revocation: { stalenessMs: null, maxStalenessMs: 60_000 },
  });
  await proxy.heal();
  await until(() => app.status.look().state === 'up');
  expect(app.status.look()).toMatchObject(WELL);
});

it('tells that the cache and the limits go on without Redis, and that they have it again', async () => {
  await using redis = await startRedis();
  await using app = await appOn(redis.url);
  await until(() => app.status.look().state === 'up');
  await redis.kill();
  await until(() => app.status.look().reasons.includes('redis-unavailable'));
  const use = (): Promise<unknown> => Promise.all([app.cache.get('k'), app.limiter.consume('k', LIMIT)]);
  await use();
  expect(app.status.look()).toMatchObject({
    state: 'degraded',
    reasons: ['redis-unavailable', 'cache-without-redis', 'limits-without-redis'],
  });
  await redis.restart();
  await until(async () => {
    await use();
    return app.status.look().state === 'up';
  });
});
