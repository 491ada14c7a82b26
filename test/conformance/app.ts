import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RedisAuthConnection, RedisAuthModule, SessionService } from 'nestjs-redis-auth';
import { testOptions } from '../support/sessions.js';

/** What an application injects. */
export interface InstanceOfApp extends AsyncDisposable {
  readonly nest: INestApplication;
  readonly sessions: SessionService;
  readonly connection: RedisAuthConnection;
}

/** An application with the module in it and nothing else; the end of its `await using` block shuts it down. */
export async function bootApp(options: Parameters<typeof testOptions>[0]): Promise<InstanceOfApp> {
  const module = await Test.createTestingModule({ imports: [RedisAuthModule.forRoot(testOptions(options))] }).compile();
  const nest = module.createNestApplication();
  nest.useLogger(false);
  await nest.init();
  return {
    nest,
    sessions: nest.get(SessionService),
    connection: nest.get(RedisAuthConnection),
    [Symbol.asyncDispose]: () => nest.close(),
  };
}
