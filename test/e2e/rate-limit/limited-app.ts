import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type INestApplication,
  Module,
  Post,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { RateLimit, RateLimiter, RateLimitGuard, RateLimitGuardFor } from '../../../lib/rate-limit/index.js';
import { instanceToken } from '../../../lib/options/index.js';
import { until } from '../../support/until.js';

export const PLATFORMS = ['Express', 'Fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Finds the user, as a guard of the application does. */
@Injectable()
class TestUserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; user?: unknown; auth?: unknown }>();
    const { 'x-user': user, 'x-tenant': tenant, 'x-client': client } = request.headers;
    if (user !== undefined) request.user = { userId: user, ...(tenant !== undefined && { tenant }), claims: {} };
    if (client !== undefined) request.auth = { clientId: client };
    return true;
  }
}

@Controller()
export class LimitedController {
  /** How often a handler ran. */
  static calls = 0;

  @RateLimit({ limit: 3, window: '1m', algorithm: 'fixed' })
  @Get('ip')
  byIp(): string {
    LimitedController.calls++;
    return 'ip';
  }

  @RateLimit({ limit: 2, window: '1m', by: 'user' })
  @Get('user')
  byUser(): string {
    return 'user';
  }

  @RateLimit({ limit: 2, window: '1m', by: 'client' })
  @Get('client')
  byClient(): string {
    return 'client';
  }

  @RateLimit({ limit: 2, window: '1m', by: (request: { headers: Record<string, string> }) => request.headers['x-api-key'] })
  @Get('own')
  byOwn(): string {
    return 'own';
  }

  @RateLimit([
    { limit: 4, window: '1h', name: 'hourly', algorithm: 'sliding' },
    { limit: 2, window: '30s', name: 'burst', algorithm: 'fixed' },
    { limit: 1, window: '1d', name: 'user', by: 'user' },
  ])
  @Get('several')
  several(): string {
    return 'several';
  }

  // The guard of the application is there already.
  @UseGuards(RateLimitGuard, RateLimitGuard)
  @RateLimit({ limit: 2, window: '1m' })
  @Get('twice')
  twice(): string {
    return 'twice';
  }

  @RateLimit({ limit: 1, window: '2s' })
  @Get('soon')
  soon(): string {
    return 'soon';
  }

  @Get('free')
  free(): string {
    return 'free';
  }
}

@RateLimit({ limit: 1, window: '1m' })
@Controller('whole')
export class WholeController {
  @Get('a')
  a(): string {
    return 'a';
  }

  @Post('b')
  b(): string {
    return 'b';
  }

  @RateLimit({ limit: 2, window: '1m' })
  @Get('c')
  c(): string {
    return 'c';
  }
}

@UseGuards(RateLimitGuardFor('admin'))
@Controller('admin')
export class AdminController {
  @RateLimit({ limit: 1, window: '1m' })
  @Get()
  admin(): string {
    return 'admin';
  }
}

export interface LimitedApp {
  readonly nest: INestApplication;
  /** Answers of an HTTP request from this machine. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export interface LimitedAppOptions {
  trustProxy?: boolean;
  admin?: RateLimiter;
}

export async function limitedApp(
  platform: Platform,
  limiter: RateLimiter,
  { trustProxy = false, admin = limiter }: LimitedAppOptions = {},
): Promise<LimitedApp> {
  // While its connection is made, a limiter that is kept waiting for long decides by itself.
  for (const each of [limiter, admin]) await until(() => each.reset('warm').then(() => true));
  const limiters = [
    { provide: instanceToken('rateLimit'), useValue: limiter },
    { provide: instanceToken('rateLimit', 'admin'), useValue: admin },
  ];
  class LimitersModule {}
  Module({ providers: limiters, exports: limiters.map(({ provide }) => provide) })(LimitersModule);
  const module = await Test.createTestingModule({
    imports: [LimitersModule as Type],
    controllers: [LimitedController, WholeController, AdminController],
    providers: [
      { provide: APP_GUARD, useClass: TestUserGuard },
      { provide: APP_GUARD, useClass: RateLimitGuard },
    ],
  }).compile();
  const nest =
    platform === 'Express'
      ? module.createNestApplication<NestExpressApplication>()
      : module.createNestApplication(new FastifyAdapter({ trustProxy }));
  if (platform === 'Express') (nest as NestExpressApplication).set('trust proxy', trustProxy);
  nest.useLogger(false);
  await nest.listen(0, '127.0.0.1');
  const url = await nest.getUrl();
  return { nest, get: (path, headers = {}) => fetch(`${url}${path}`, { headers }) };
}
