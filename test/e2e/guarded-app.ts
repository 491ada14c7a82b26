import { request as httpRequest } from 'node:http';
import { Controller, Get, HttpCode, type INestApplication, Module, Param, Post, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CurrentSession,
  CurrentUser,
  InvalidArgumentError,
  InvalidTokenError,
  JwtAuthGuard,
  OptionalAuth,
  Public,
  RedisAuthConfigError,
  RedisAuthModule,
  type RedisAuthModuleOptions,
  RequireFresh,
  Scopes,
  SessionConflictError,
  SessionLimitError,
  SessionService,
  StoreFullError,
  StoreUnavailableError,
  type VerifiedSession,
} from 'nestjs-redis-auth';

export const PLATFORMS = ['Express', 'Fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

const ERRORS: Record<string, () => Error> = {
  token: () => new InvalidTokenError('reused'),
  argument: () => new InvalidArgumentError('userId', 'must be a string'),
  limit: () => new SessionLimitError(3),
  conflict: () => new SessionConflictError(1, 2),
  unavailable: () => new StoreUnavailableError('sessions.create', true, 7),
  full: () => new StoreFullError('sessions.create', 8),
  config: () => new RedisAuthConfigError([{ path: 'jwt', message: 'inner details' }]),
};

@Controller()
export class GuardedController {
  /** How often a handler ran. */
  static calls = 0;

  @Get('me')
  me(@CurrentUser() user: unknown) {
    GuardedController.calls += 1;
    return { user };
  }

  @Post('me')
  @HttpCode(200)
  change(@CurrentUser('userId') userId: string) {
    return { userId };
  }

  @Public()
  @Get('public')
  open(@CurrentUser() user: unknown, @CurrentSession() session: unknown) {
    return { open: true, user: user ?? null, session: session ?? null };
  }

  @OptionalAuth()
  @Get('optional')
  optional(@CurrentUser('userId') userId: string | undefined) {
    return { userId: userId ?? null };
  }

  @Scopes('read')
  @Get('read')
  read() {
    return { read: true };
  }

  @Scopes('read')
  @Scopes('write')
  @Get('write')
  write() {
    return { write: true };
  }

  @RequireFresh('5m')
  @Get('fresh')
  fresh() {
    return { fresh: true };
  }

  @Get('session')
  session(@CurrentSession() session: VerifiedSession) {
    return session;
  }

  @Get('data')
  data(@CurrentSession({ data: true }) session: VerifiedSession, @CurrentUser() user: VerifiedSession) {
    return { data: session.data, same: session === user };
  }

  @Public()
  @Get('errors/:name')
  fail(@Param('name') name: string): never {
    throw ERRORS[name]!();
  }
}

@Public()
@Controller('open')
class OpenController {
  @Get()
  open() {
    return { open: true };
  }

  @Scopes('read')
  @Get('read')
  read() {
    return { read: true };
  }

  @OptionalAuth()
  @Get('optional')
  optional(@CurrentUser('userId') userId: string | undefined) {
    return { userId: userId ?? null };
  }
}

@Scopes('read')
@RequireFresh('1h')
@Controller('strict')
class StrictController {
  @Scopes('write')
  @Get('write')
  write() {
    return { write: true };
  }

  @Get('fresh')
  fresh() {
    return { fresh: true };
  }

  @Public()
  @Get('open')
  open() {
    return { open: true };
  }
}

/** Opened and guarded at one level: the demand counts. */
@Public()
@Scopes('admin')
@Controller('contrary')
class ContraryController {
  @Get()
  scoped() {
    return { scoped: true };
  }

  @Public()
  @Get('open')
  open() {
    return { open: true };
  }

  @OptionalAuth()
  @RequireFresh('1h')
  @Get('fresh')
  fresh() {
    return { fresh: true };
  }
}

@OptionalAuth()
@Scopes('admin')
@Controller('contrary/optional/scopes')
class OptionalScopesController {
  @Get()
  scoped() {
    return { scoped: true };
  }
}

@OptionalAuth()
@RequireFresh('1h')
@Controller('contrary/optional/fresh')
class OptionalFreshController {
  @Get()
  fresh() {
    return { fresh: true };
  }
}

/** An application whose every route is guarded, unless it says otherwise. */
export async function guardedApp(platform: Platform, options: RedisAuthModuleOptions): Promise<RunningApp> {
  @Module({
    imports: [RedisAuthModule.forRoot(options)],
    controllers: [
      GuardedController,
      OpenController,
      StrictController,
      ContraryController,
      OptionalScopesController,
      OptionalFreshController,
    ],
    providers: [{ provide: APP_GUARD, useClass: JwtAuthGuard }],
  })
  class AppModule {}
  return run(platform, AppModule);
}

export class RunningApp implements AsyncDisposable {
  constructor(
    readonly nest: INestApplication,
    private readonly port: number,
  ) {}

  get sessions(): SessionService {
    return this.nest.get(SessionService, { strict: false });
  }

  /** Sends exactly these headers; a list is as many headers. */
  async send(method: string, path: string, headers: Record<string, string | string[]> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.port, method, path, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const isJson = response.headers['content-type']?.startsWith('application/json') === true;
          const body = (isJson ? JSON.parse(text) : { text }) as Answer['body'];
          resolve({ status: response.statusCode!, headers: response.headers, body });
        });
      });
      request.on('error', reject).end();
    });
  }

  /** GET with a bearer token. */
  get(path: string, token?: string): Promise<Answer> {
    return this.send('GET', path, token === undefined ? {} : { authorization: `Bearer ${token}` });
  }

  get authority(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nest.close();
  }
}

export interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: Record<string, unknown>;
}

export async function run(
  platform: Platform,
  module: Type,
  prepare: (app: INestApplication) => void = () => undefined,
): Promise<RunningApp> {
  const testing: TestingModule = await Test.createTestingModule({ imports: [module] }).compile();
  testing.useLogger(false);
  const app =
    platform === 'Express' ? testing.createNestApplication() : testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  app.useLogger(false);
  prepare(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  return new RunningApp(app, port);
}
