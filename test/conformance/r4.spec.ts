import { startRedis, type TestRedis } from 'nestjs-redis-auth/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RateLimiter, type RateLimiterOptions } from '../../lib/rate-limit/index.js';
import { type LimitedApp, limitedApp, PLATFORMS } from '../e2e/rate-limit/limited-app.js';
import { until } from '../support/until.js';
import { withoutTtl } from '../support/without-ttl.js';

describe.each(PLATFORMS)('R4 limits over HTTP on %s', (platform) => {
  let redis: TestRedis;
  const limiters: RateLimiter[] = [];
  const apps: LimitedApp[] = [];

  async function boot(options: RateLimiterOptions = {}): Promise<LimitedApp> {
    const limiter = new RateLimiter({ redis: redis.url, ...options });
    limiters.push(limiter);
    apps.push(await limitedApp(platform, limiter));
    return apps.at(-1)!;
  }

  let one: LimitedApp;
  let two: LimitedApp;
  beforeAll(async () => {
    redis = await startRedis({ port: 'tcp' });
    [one, two] = await Promise.all([boot(), boot()]);
  });
  afterAll(async () => {
    for (const app of apps) await app.nest.close();
    for (const limiter of limiters) await limiter.close();
    await redis.stop();
  });

  it.each<[string, string, Record<string, string>]>([
    ['address', '/own', {}],
    ['client', '/client', { 'x-client': 'mcp' }],
    ['user', '/user', { 'x-user': 'ann' }],
  ])('R4 two instances share one limit per %s and endpoint', async (_by, path, headers) => {
    const answers = [];
    for (const app of [one, two, one, two]) answers.push(await app.get(path, headers));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 429]);
    expect((await one.get('/ip', headers)).status).toBe(200);
    expect(await withoutTtl(redis)).toEqual([]);
  });

  it('R4 a refusal is 429 and says when to come back; what is allowed says what is left', async () => {
    const allowed = await one.get('/whole/a');
    expect(allowed.headers.get('ratelimit-policy')).toBe('"default";q=1;w=60');
    expect(allowed.headers.get('ratelimit')).toBe('"default";r=0;t=60');
    const refused = await two.get('/whole/a');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(refused.headers.get('ratelimit')).toBe(`"default";r=0;t=${refused.headers.get('retry-after')}`);
  });

  it('R4 it resets after the window', async () => {
    expect((await one.get('/soon')).status).toBe(200);
    expect((await two.get('/soon')).status).toBe(429);
    await until(async () => (await two.get('/soon')).status === 200);
  });

  it('R4 addresses of a list of CIDRs are not limited', async () => {
    const open = await boot({ allow: ['127.0.0.0/8', '::1/128'] });
    for (let n = 0; n < 5; n++) expect((await open.get('/whole/a')).status).toBe(200);
  });

  it('R4 while Redis is away each instance keeps its part, rather than none or nothing', async () => {
    const [three, four] = [await boot({ instances: 2 }), await boot({ instances: 2 })];
    await redis.kill();
    const statuses = [];
    for (const app of [three, three, four, four]) statuses.push((await app.get('/twice')).status);
    expect(statuses).toEqual([200, 429, 200, 429]);
  });
});
