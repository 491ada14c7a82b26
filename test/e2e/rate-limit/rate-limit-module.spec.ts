import { Controller, Get } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { JwtAuthGuard, Public, RateLimit, RateLimiter, RateLimitGuard, RedisAuthModule, SessionService } from 'nestjs-redis-auth';
import request from 'supertest';
import { expect, inject, it } from 'vitest';
import { testOptions } from '../../support/sessions.js';

@Controller()
class NotesController {
  @RateLimit({ limit: 2, window: '1m', by: 'user' })
  @Get('notes')
  notes(): string[] {
    return [];
  }

  @Public()
  @RateLimit({ limit: 1, window: '1m', by: (req: { headers: Record<string, string> }) => req.headers['x-long'] })
  @Get('open')
  open(): string {
    return 'open';
  }
}

it('an application guards its routes, then limits them by user', async () => {
  const options = testOptions({ redis: inject('redisUrl') });
  const module = await Test.createTestingModule({
    imports: [RedisAuthModule.forRoot(options)],
    controllers: [NotesController],
    providers: [
      { provide: APP_GUARD, useClass: JwtAuthGuard },
      { provide: APP_GUARD, useClass: RateLimitGuard },
    ],
  }).compile();
  const app = module.createNestApplication();
  app.useLogger(false);
  await app.init();
  try {
    const server = app.getHttpServer() as never;
    const get = async (token: string) => (await request(server).get('/notes').auth(token, { type: 'bearer' })).status;
    const sessions = app.get(SessionService);
    const [phone, laptop] = await Promise.all([sessions.create('ann'), sessions.create('ann')]);
    const bob = await sessions.create('bob');
    expect([await get(phone.accessToken), await get(laptop.accessToken), await get(phone.accessToken)]).toEqual([200, 200, 429]);
    expect(await get(bob.accessToken)).toBe(200);
    // What is not let in is not counted.
    expect((await request(server).get('/notes')).status).toBe(401);
    expect(await app.get(RateLimiter).reset('NotesController.notes:user:ann')).toBe(true);
    expect(await get(phone.accessToken)).toBe(200);
    // A key that is too long is the client's mistake.
    expect((await request(server).get('/open').set('x-long', 'x'.repeat(2000))).status).toBe(400);
  } finally {
    await app.close();
  }
});
