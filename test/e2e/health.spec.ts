import { Controller, Get, Module, type Type } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { RedisAuthModule, RedisAuthStatus, SessionService } from 'nestjs-redis-auth';
import { type HealthCheckOptions, RedisAuthHealthIndicator } from 'nestjs-redis-auth/terminus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';
import { PLATFORMS, run, type RunningApp } from './guarded-app.js';

let redis: TestRedis;
let adminRedis: TestRedis;
let app: RunningApp | undefined;

beforeEach(async () => {
  [redis, adminRedis] = await Promise.all([startRedis(), startRedis()]);
});

afterEach(async () => {
  await app?.[Symbol.asyncDispose]();
  app = undefined;
  await Promise.all([redis.stop(), adminRedis.stop()]);
});

function healthApp(sessions: object, options: HealthCheckOptions = {}): Type {
  @Controller('health')
  class HealthController {
    constructor(
      private readonly health: HealthCheckService,
      private readonly redisAuth: RedisAuthHealthIndicator,
    ) {}

    @Get()
    @HealthCheck()
    check() {
      return this.health.check([
        () => this.redisAuth.isHealthy('redis-auth', options),
        () => this.redisAuth.isHealthy('admin', { ...options, instance: 'admin' }),
      ]);
    }
  }
  const base = { audit: 'off' as const };
  @Module({
    imports: [
      TerminusModule.forRoot({ errorLogStyle: 'json', logger: false }),
      RedisAuthModule.forRoot(testOptions({ ...base, redis: redis.url, sessions })),
      RedisAuthModule.forRoot({
        ...testOptions({ ...base, redis: adminRedis.url, sessions: { revocation: 'remote' } }),
        instance: 'admin',
      }),
    ],
    providers: [RedisAuthHealthIndicator],
    controllers: [HealthController],
  })
  class AppModule {}
  return AppModule;
}

type Details = Record<'redis-auth' | 'admin', { status: string; reasons: string[]; stalenessMs?: number | null; [other: string]: unknown }>;

async function health(): Promise<{ code: number; status: unknown; details: Details }> {
  const { status, body } = await app!.get('/health');
  return { code: status, status: body['status'], details: body['details'] as Details };
}

describe.each(PLATFORMS)('health on %s', (platform) => {
  it('is up; degraded while tokens are still verified without Redis; down when nobody can be; and up again', async () => {
    app = await run(platform, healthApp({ maxStaleness: '400 ms', onStoreUnavailable: { serveFor: '3s' } }));
    const { accessToken } = await app.sessions.create('ann');
    const well = await until(async () => {
      const now = await health();
      return now.status === 'ok' && now;
    });
    expect(well.code).toBe(200);
    expect(well.details.admin).toEqual({ status: 'up', instance: 'admin', reasons: [], redis: 'available', revocation: 'remote' });
    const { stalenessMs, ...rest } = well.details['redis-auth'];
    expect(rest).toEqual({
      status: 'up',
      instance: 'default',
      reasons: [],
      redis: 'available',
      revocation: 'local',
      maxStalenessMs: 400,
    });
    expect(stalenessMs).toBeLessThan(2_000);

    await redis.kill();
    const degraded = await until(async () => {
      const now = await health();
      return now.details['redis-auth'].reasons.includes('revocations-late') && now;
    });
    expect(degraded).toMatchObject({ code: 200, status: 'degraded' });
    expect(degraded.details['redis-auth']).toMatchObject({ status: 'degraded', redis: 'unavailable' });
    expect(degraded.details['redis-auth'].reasons).toContain('redis-unavailable');
    expect(degraded.details['redis-auth'].stalenessMs).toBeGreaterThanOrEqual(400);
    expect(degraded.details.admin).toMatchObject({ status: 'up' });
    expect((await app.sessions.verify(accessToken)).userId).toBe('ann');

    const down = await until(async () => {
      const now = await health();
      return now.code === 503 && now;
    });
    expect(down.status).toBe('error');
    expect(down.details['redis-auth']).toMatchObject({ status: 'down', redis: 'unavailable' });
    expect(down.details['redis-auth'].stalenessMs).toBeGreaterThanOrEqual(3_000);
    await expect(app.sessions.verify(accessToken)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });

    await redis.restart();
    await until(async () => (await health()).status === 'ok');
  });
});

describe('health', () => {
  it('is down at once where each token is asked about, and where degraded is to count as down', async () => {
    app = await run('Express', healthApp({ maxStaleness: '60s' }, { degradedAs: 'down' }));
    await Promise.all([adminRedis.kill(), redis.kill()]);
    const now = await until(async () => {
      const answer = await health();
      return answer.details['redis-auth'].status === 'down' && answer.details.admin.status === 'down' && answer;
    });
    expect(now.code).toBe(503);
    expect(now.details.admin.reasons).toEqual(['redis-unavailable']);
    expect(app.nest.get(RedisAuthStatus, { strict: false }).look().state).toBe('degraded');
  });

  it('notices a Redis that hangs by asking it', async () => {
    app = await run('Express', healthApp({ maxStaleness: '60s' }));
    await until(async () => (await health()).status === 'ok');
    await redis.pause();
    const status = app.nest.get(RedisAuthStatus, { strict: false });
    expect(await status.ask()).toMatchObject({ state: 'degraded', redis: 'unavailable' });
    await redis.resume();
    await until(async () => (await status.ask()).state === 'up');
  });

  it('is degraded while the feed of revocations is not known: verifying goes on by asking Redis', async () => {
    app = await run('Express', healthApp({ maxStaleness: '300 ms' }));
    const status = app.nest.get(RedisAuthStatus, { strict: false });
    const sessions = app.nest.get(SessionService, { strict: false });
    const { accessToken } = await sessions.create('ann');
    await until(() => status.look().state === 'up');
    sessions.close();
    await until(() => status.look().reasons.includes('revocations-late'));
    expect(status.look()).toMatchObject({ state: 'degraded', reasons: ['revocations-late'], redis: 'available' });
    expect((await sessions.verify(accessToken)).userId).toBe('ann');
  });
});
