import { CacheModule, CACHE_MANAGER } from '@nestjs/cache-manager';
import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Cache } from 'cache-manager';
import { Keyv } from 'keyv';
import { Cached, CacheAdapter, JwtAuthGuard, Public, RedisAuthConnection, RedisAuthModule, SessionService } from 'nestjs-redis-auth';
import { RedisAuthKeyvStore } from 'nestjs-redis-auth/keyv';
import request from 'supertest';
import { expect, inject, it } from 'vitest';
import { testOptions } from '../../support/sessions.js';

let runs = 0;

@UseGuards(JwtAuthGuard)
@Controller()
class NotesController {
  @Cached({ ttl: '1m' })
  @Get('mine')
  mine(@Req() req: { user: { userId: string } }): string {
    return `${req.user.userId} ${++runs}`;
  }

  @Public()
  @Cached({ ttl: '1m', shared: true })
  @Get('open')
  open(): string {
    return `open ${++runs}`;
  }
}

it('an application injects the cache, keeps answers of guarded routes by user, and lends it to cache-manager', async () => {
  const module = await Test.createTestingModule({
    imports: [
      RedisAuthModule.forRoot({ ...testOptions({ redis: inject('redisUrl') }), isGlobal: true, cache: { localMaxStaleness: '1s' } }),
      CacheModule.registerAsync({
        inject: [CacheAdapter],
        useFactory: (cache: CacheAdapter) => ({ stores: [new Keyv({ store: new RedisAuthKeyvStore(cache) })] }),
      }),
    ],
    controllers: [NotesController],
  }).compile();
  const app = module.createNestApplication();
  app.useLogger(false);
  app.enableShutdownHooks();
  await app.init();
  const cache = app.get(CacheAdapter);
  try {
    expect(await cache.isAvailable()).toBe(true);
    await cache.set('greeting', 'hello', '5m');
    expect(await cache.get('greeting')).toBe('hello');
    expect(await cache.ttl('none')).toBeNull();
    expect(await cache.acquireLock('job', 5)).toBe(true);

    const sessions = app.get(SessionService);
    const [ada, bob] = await Promise.all(['ada', 'bob'].map((userId) => sessions.create(userId)));
    const get = async (path: string, token?: string): Promise<string> => {
      const sent = request(app.getHttpServer() as never).get(path);
      const { status, text } = await (token === undefined ? sent : sent.auth(token, { type: 'bearer' }));
      return status === 200 ? text : String(status);
    };
    expect(await get('/mine', ada!.accessToken)).toBe('ada 1');
    expect(await get('/mine', bob!.accessToken)).toBe('bob 2');
    expect(await get('/mine', ada!.accessToken)).toBe('ada 1');
    expect(await get('/open')).toBe('open 3');
    expect(await get('/open', bob!.accessToken)).toBe('open 3');
    await sessions.revoke(ada!.sessionId);
    expect(await get('/mine', ada!.accessToken)).toBe('401');
    expect(await get('/mine')).toBe('401');

    const manager = app.get<Cache>(CACHE_MANAGER);
    await manager.set('greeting', { of: 'manager' }, 60_000);
    expect(await manager.get('greeting')).toEqual({ of: 'manager' });
    await manager.clear();
    expect(await manager.get('greeting')).toBeUndefined();
    expect(await cache.get('greeting')).toBe('hello');
  } finally {
    const { client } = app.get(RedisAuthConnection);
    await app.close();
    expect(client.status).toBe('end');
  }
  expect(await cache.get('greeting')).toBeNull();
  expect(await cache.isAvailable()).toBe(false);
});
