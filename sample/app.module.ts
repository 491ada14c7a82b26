import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtAuthGuard, RedisAuthModule, redisAuthOptionsFromConfig } from 'nestjs-redis-auth';
import { ApiKeysController } from './api-keys/api-keys.controller.js';
import { ReportController } from './api-keys/report.controller.js';
import { AuthController } from './auth/auth.controller.js';
import { AdminController } from './sessions/admin.controller.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { UsersService } from './users/users.service.js';
import { PageController } from './web/page.controller.js';

/** REDIS_URL, JWT_SECRET, SESSION_* …: all from the environment; an app with @nestjs/config hands in its ConfigService. */
const environment = { get: (key: string) => process.env[key] };

@Module({
  imports: [
    RedisAuthModule.forRootAsync({
      useFactory: () =>
        redisAuthOptionsFromConfig(environment, {
          jwt: { issuer: 'nestjs-redis-auth-sample', audience: 'sample' },
          // curl sends a bearer token, the page has cookies: the same routes serve both.
          guard: { from: ['bearer', 'cookie'], touch: true },
        }),
    }),
  ],
  controllers: [PageController, AuthController, SessionsController, ApiKeysController, ReportController, AdminController],
  // Every route needs a session unless it says @Public().
  providers: [UsersService, { provide: APP_GUARD, useExisting: JwtAuthGuard }],
})
export class AppModule {}
