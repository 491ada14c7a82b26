import type { Server } from 'node:http';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtAuthGuard, RedisAuthModule, type RedisAuthModuleOptions, SessionService } from 'nestjs-redis-auth';
import type { RunningApp } from '../guarded-app.js';
import type { Handler, Seen } from './handlers.js';

/** What a client was told: what the handler saw, or why it was not called. */
export type Outcome = Seen | Refusal;

export interface Refusal {
  readonly statusCode: number;
  readonly reason: string | undefined;
}

/** An application that is called in one way. */
export interface Transport {
  readonly name: string;
  start(options: RedisAuthModuleOptions): Promise<Endpoint>;
}

export interface Endpoint extends AsyncDisposable {
  readonly sessions: SessionService;
  /** The server of one that is called over HTTP, at first. */
  readonly server?: Server;
  readonly authority?: string;
  /** Calls a handler with this access token, and is told what a client is told. */
  call(handler: Handler, token?: string): Promise<Outcome>;
  /** Where what is called stays open. */
  open?(token: string, headers?: Record<string, string>): Promise<Opened>;
}

/** A socket or stream that was let in. */
export interface Opened {
  /** How the server ended it: in the words of the transport. */
  readonly ended: Promise<unknown>;
  /** From the client's side. */
  close(): void;
}

/** An application that is guarded as a whole. */
export function guardedModule(options: RedisAuthModuleOptions, parts: Parameters<typeof Module>[0]): Type {
  const { imports = [], providers = [], ...rest } = parts;
  @Module({
    ...rest,
    imports: [RedisAuthModule.forRoot(options), ...imports],
    providers: [...providers, { provide: APP_GUARD, useClass: JwtAuthGuard }],
  })
  class AppModule {}
  return AppModule;
}

export function sessionsOf(app: INestApplicationContext): SessionService {
  return app.get(SessionService, { strict: false });
}

/** Of the body that every transport has in its own place. */
export function refusalIn(body: unknown): Refusal {
  const { statusCode, reason } = body as Refusal;
  return { statusCode, reason };
}

export function placeOf({ nest, authority }: RunningApp): { server: Server; authority: string } {
  return { server: nest.getHttpServer() as Server, authority };
}
