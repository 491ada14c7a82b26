import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { RateLimiter, RateLimitGuard, type RateLimiterOptions } from '../../../lib/rate-limit/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { until } from '../../support/until.js';
import { type LimitedApp, limitedApp, type LimitedAppOptions, LimitedController, PLATFORMS } from './limited-app.js';

const PROBLEM = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

/** Members of a list of strings with parameters, by the grammar of RFC 9651 as far as these fields use it. */
function parseList(field: string): Map<string, Record<string, number>> {
  const items = new Map<string, Record<string, number>>();
  let rest = field;
  for (;;) {
    const [item, name, parameters] = /^"([\x20\x21\x23-\x5b\x5d-\x7e]*)"((?:;[a-z*][a-z0-9_.*-]*=-?\d{1,15})*)/.exec(rest) ?? [];
    if (item === undefined) throw new Error(`no list: ${field}`);
    items.set(
      name!,
      Object.fromEntries(
        parameters!
          .split(';')
          .slice(1)
          .map((pair) => [pair.split('=')[0]!, Number(pair.split('=')[1])]),
      ),
    );
    rest = rest.slice(item.length);
    if (rest === '') return items;
    if (!rest.startsWith(', ')) throw new Error(`no list: ${field}`);
    rest = rest.slice(2);
  }
}

const policies = ({ headers }: Response) => Object.fromEntries(parseList(headers.get('ratelimit-policy')!));
const limits = ({ headers }: Response) => Object.fromEntries(parseList(headers.get('ratelimit')!));

describe.each(PLATFORMS)('RateLimitGuard on %s', (platform) => {
  let app: LimitedApp;
  let limiter: RateLimiter;
  const open: (() => Promise<unknown>)[] = [];

  async function start(options: RateLimiterOptions = {}, appOptions: LimitedAppOptions = {}): Promise<LimitedApp> {
    limiter = new RateLimiter({ redis: inject('redisUrl'), keyPrefix: uniquePrefix(), ...options });
    const own = limiter;
    const started = await limitedApp(platform, limiter, appOptions);
    open.push(
      () => started.nest.close(),
      () => own.close(),
    );
    return started;
  }

  beforeAll(async () => {
    app = await start();
  });
  afterAll(async () => {
    for (const close of open) await close();
  });
  const statuses = async (path: string, times: number, headers?: Record<string, string>): Promise<number[]> => {
    const all = [];
    for (let n = 0; n < times; n++) all.push((await app.get(path, headers)).status);
    return all;
  };

  it('lets the limit through, tells what is left, and answers 429 beyond', async () => {
    LimitedController.calls = 0;
    for (const left of [2, 1, 0]) {
      const answer = await app.get('/ip');
      expect(answer.status).toBe(200);
      expect(policies(answer)).toEqual({ default: { q: 3, w: 60 } });
      const { r, t } = limits(answer)['default']!;
      expect(r).toBe(left);
      expect(t).toBeGreaterThan(50);
      expect(t).toBeLessThanOrEqual(60);
      expect(answer.headers.has('retry-after')).toBe(false);
    }
    for (let n = 0; n < 2; n++) {
      const refused = await app.get('/ip');
      expect(refused.status).toBe(429);
      expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      const retryAfter = Number(refused.headers.get('retry-after'));
      expect(retryAfter).toBeGreaterThan(50);
      expect(limits(refused)).toEqual({ default: { r: 0, t: retryAfter } });
      expect(policies(refused)).toEqual({ default: { q: 3, w: 60 } });
      expect(await refused.json()).toMatchObject({
        type: PROBLEM,
        title: expect.any(String) as string,
        status: 429,
        statusCode: 429,
        'violated-policies': ['default'],
      });
    }
    expect(LimitedController.calls).toBe(3);
  });

  it('limits each route by itself, those of a controller too, and no other', async () => {
    expect(await statuses('/whole/a', 2)).toEqual([200, 429]);
    expect(await statuses('/whole/c', 3)).toEqual([200, 200, 429]);
    const free = await app.get('/free');
    expect(free.status).toBe(200);
    expect(free.headers.has('ratelimit')).toBe(false);
  });

  it('counts by user within its tenant, by client, and by what a function says; else by address', async () => {
    expect(await statuses('/user', 3, { 'x-user': 'ann' })).toEqual([200, 200, 429]);
    expect(await statuses('/user', 1, { 'x-user': 'bob' })).toEqual([200]);
    expect(await statuses('/user', 1, { 'x-user': 'ann', 'x-tenant': 'acme' })).toEqual([200]);
    expect(await statuses('/user', 3)).toEqual([200, 200, 429]);
    expect(await statuses('/user', 1, { 'x-user': 'ip:127.0.0.1' })).toEqual([200]);
    expect(await statuses('/client', 3, { 'x-client': 'ann' })).toEqual([200, 200, 429]);
    expect(await statuses('/client', 1, { 'x-client': 'other' })).toEqual([200]);
    expect(await statuses('/own', 3, { 'x-api-key': 'a' })).toEqual([200, 200, 429]);
    expect(await statuses('/own', 3)).toEqual([200, 200, 429]);
  });

  it('counts a request once, however often it is bound', async () => {
    expect(await statuses('/twice', 3)).toEqual([200, 200, 429]);
    const other = await start();
    app = other;
    const first = await app.get('/twice');
    expect(limits(first)['default']!['r']).toBe(1);
  });

  it('tells of several limits by their names, and which of them said no', async () => {
    app = await start();
    const ann = { 'x-user': 'ann' };
    const first = await app.get('/several', ann);
    expect(policies(first)).toEqual({ hourly: { q: 4, w: 3600 }, burst: { q: 2, w: 30 }, user: { q: 1, w: 86_400 } });
    expect(limits(first)).toMatchObject({ hourly: { r: 3 }, burst: { r: 1 }, user: { r: 0 } });
    const second = await app.get('/several', ann);
    expect(second.status).toBe(429);
    expect(await second.json()).toMatchObject({ 'violated-policies': ['user'] });
    expect(limits(second)).toEqual({ user: { r: 0, t: Number(second.headers.get('retry-after')) } });
    const third = await app.get('/several', { 'x-user': 'bob' });
    // Both of the address are used all or none.
    expect(await third.json()).toMatchObject({ 'violated-policies': ['burst'] });
    const retryAfter = Number(third.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(20);
    expect(retryAfter).toBeLessThanOrEqual(30);
  });

  it('lets through again when the time is over', async () => {
    app = await start();
    expect(await statuses('/soon', 2)).toEqual([200, 429]);
    await until(async () => (await app.get('/soon')).status === 200);
  });

  it('believes no header of where a request comes from, unless the application trusts its proxy', async () => {
    app = await start();
    const from = (n: number) => ({ 'x-forwarded-for': `192.0.2.${n}`, forwarded: `for=192.0.2.${n}`, 'x-real-ip': `192.0.2.${n}` });
    const answers = [];
    for (let n = 0; n < 4; n++) answers.push((await app.get('/ip', from(n))).status);
    expect(answers).toEqual([200, 200, 200, 429]);

    app = await start({}, { trustProxy: true });
    expect(await statuses('/ip', 4, from(1))).toEqual([200, 200, 200, 429]);
    expect(await statuses('/ip', 1, from(2))).toEqual([200]);
    const v6 = [];
    for (let n = 0; n < 4; n++) v6.push((await app.get('/ip', { 'x-forwarded-for': `2001:db8::${n}` })).status);
    expect(v6).toEqual([200, 200, 200, 429]);
    expect(await statuses('/ip', 1, { 'x-forwarded-for': '2001:db8:0:1::1' })).toEqual([200]);
  });

  it('limits no address of the list', async () => {
    app = await start({ allow: ['127.0.0.0/8'] });
    expect(await statuses('/ip', 6)).toEqual([200, 200, 200, 200, 200, 200]);
    expect((await app.get('/ip')).headers.has('ratelimit')).toBe(false);
  });

  it('of a named instance has limits of its own', async () => {
    const admin = new RateLimiter({ redis: inject('redisUrl'), keyPrefix: uniquePrefix() });
    open.push(() => admin.close());
    app = await start({}, { admin });
    // Both guards count it, each with its own limiter.
    expect(await statuses('/admin', 2)).toEqual([200, 429]);
    expect((await limiter.peek('AdminController.admin:ip:127.0.0.1', { limit: 1, window: '1m' })).remaining).toBe(0);
    expect((await admin.peek('AdminController.admin:ip:127.0.0.1', { limit: 1, window: '1m' })).remaining).toBe(0);
  });

  beforeEach(() => {
    LimitedController.calls = 0;
  });
});

it.each(['ws', 'rpc', 'graphql'])('refuses a limited handler of %s, for want of anybody to count, and lets the others be', async (type) => {
  const limiter = new RateLimiter({ redis: inject('redisUrl'), keyPrefix: uniquePrefix() });
  try {
    const guard = new RateLimitGuard(limiter, new Reflector());
    const pass = (method: 'byIp' | 'free'): Promise<boolean> => {
      const context = new ExecutionContextHost([{}, {}], LimitedController, LimitedController.prototype[method]);
      context.setType(type);
      return guard.canActivate(context);
    };
    expect(await pass('byIp')).toBe(false);
    expect(await pass('free')).toBe(true);
  } finally {
    await limiter.close();
  }
});
