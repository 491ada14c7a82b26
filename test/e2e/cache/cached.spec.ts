import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  NotFoundException,
  Post,
  UseGuards,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { CACHED_ROUTES, CacheAdapter, Cached } from '../../../lib/cache/index.js';
import { InvalidArgumentError } from '../../../lib/errors/index.js';
import { CacheUnderTest } from '../../integration/cache/cache-under-test.js';
import { uniquePrefix } from '../../support/key-prefix.js';

/** Takes the user from a header, as a guard takes it from a token. */
class HeaderGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp().getRequest<{ headers: Record<string, string>; user?: unknown }>();
    if (http.headers['x-user'] !== undefined) http.user = JSON.parse(http.headers['x-user']);
    return http.headers['x-forbidden'] === undefined;
  }
}

let runs = 0;

@UseGuards(HeaderGuard)
@Controller('things')
class ThingsController {
  @Get('mine')
  @Cached({ ttl: 60 })
  mine(): { run: number } {
    return { run: ++runs };
  }

  @Get('all')
  @Cached({ ttl: 60, shared: true, tags: ['things'] })
  all(): { run: number } {
    return { run: ++runs };
  }

  @Get('named')
  @Cached({ ttl: 60, by: (user) => (user as { name: string }).name })
  named(): { run: number } {
    return { run: ++runs };
  }

  @Get('missing')
  @Cached({ ttl: 60 })
  missing(): never {
    runs++;
    throw new NotFoundException();
  }

  @Post('mine')
  @Cached({ ttl: 60 })
  change(): { run: number } {
    return { run: ++runs };
  }
}

describe.each(['Express', 'Fastify'])('@Cached() on %s', (platform) => {
  let cache: CacheUnderTest;
  let app: INestApplication;
  beforeEach(async () => {
    runs = 0;
    cache = new CacheUnderTest({ redis: inject('redisUrl'), keyPrefix: uniquePrefix() });
    const module = await Test.createTestingModule({
      controllers: [ThingsController],
      providers: [{ provide: CacheAdapter, useValue: cache }],
    }).compile();
    app = platform === 'Express' ? module.createNestApplication() : module.createNestApplication(new FastifyAdapter());
    await app.listen(0, '127.0.0.1');
  });
  afterEach(async () => {
    await app.close();
    await cache.close();
  });

  async function run(path: string, headers: Record<string, string> = {}): Promise<number> {
    const { body } = (await request(await app.getUrl())
      .get(`/things/${path}`)
      .set(headers)
      .expect(200)) as { body: { run: number } };
    return body.run;
  }
  const user = (value: unknown): Record<string, string> => ({ 'x-user': JSON.stringify(value), authorization: 'Bearer x' });

  it('gives each user an answer of their own', async () => {
    const ada = user({ userId: 'ada' });
    expect([await run('mine', ada), await run('mine', ada)]).toEqual([1, 1]);
    expect(await run('mine', user({ userId: 'bob' }))).toBe(2);
    expect(await run('mine', user({ userId: 'ada', tenant: 'acme' }))).toBe(3);
    expect(await run('mine')).toBe(4);
    expect([await run('mine', ada), await run('mine')]).toEqual([1, 4]);
    expect([await run('mine?page=2', ada), await run('mine?page=2', ada)]).toEqual([5, 5]);
  });

  it('asks the guard first, also for what is kept', async () => {
    await run('all');
    await request(await app.getUrl())
      .get('/things/all')
      .set('x-forbidden', 'yes')
      .expect(403);
  });

  it('keeps nothing for who cannot be told from others', async () => {
    expect([await run('mine', { authorization: 'Basic x' }), await run('mine', { authorization: 'Basic x' })]).toEqual([1, 2]);
    expect([await run('mine', user({ id: 7 })), await run('mine', user({ id: 7 }))]).toEqual([3, 4]);
    expect([await run('named', user({ name: 'ada' })), await run('named', user({ name: 'ada' }))]).toEqual([5, 5]);
    expect(await run('named', user({ name: 'bob' }))).toBe(6);
  });

  it('gives everybody one answer where it is shared, until its tag or all routes are ended', async () => {
    expect([await run('all', user({ userId: 'ada' })), await run('all')]).toEqual([1, 1]);
    await cache.namespace(CACHED_ROUTES).invalidateTags('things');
    expect(await run('all')).toBe(2);
    await cache.namespace(CACHED_ROUTES).clear();
    expect(await run('all')).toBe(3);
  });

  it('keeps neither errors nor what changes something', async () => {
    const url = await app.getUrl();
    await request(url).get('/things/missing').expect(404);
    await request(url).get('/things/missing').expect(404);
    await request(url).post('/things/mine').expect(201);
    await request(url).post('/things/mine').expect(201);
    expect(runs).toBe(4);
  });
});

describe('@Cached()', () => {
  it('refuses wrong options where it stands', () => {
    expect(() => Cached({ ttl: 0 })).toThrow(InvalidArgumentError);
    expect(() => Cached({ ttl: 1, share: true } as never)).toThrow(InvalidArgumentError);
    expect(() => Cached(undefined as never)).toThrow(InvalidArgumentError);
  });
});
