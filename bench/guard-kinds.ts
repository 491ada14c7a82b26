import { createSecretKey, type KeyObject } from 'node:crypto';
import { type CanActivate, type DynamicModule, type ExecutionContext, Injectable, type Type, UnauthorizedException } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { RedisStore } from 'connect-redis';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';
import jsonwebtoken from 'jsonwebtoken';
import { JwtAuthGuard, RedisAuthModule } from 'nestjs-redis-auth';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { NAMES } from './bench-server.js';

/** How a route is guarded. */
export const GUARD_KINDS = [
  'none',
  'local',
  'remote',
  'passport-text',
  'passport-text-redis',
  'passport-key',
  'by-hand',
  'express-session',
] as const;
export type GuardKind = (typeof GUARD_KINDS)[number];

export interface Settings {
  kind: GuardKind;
  redis: string;
  secret: string;
}

/** What an application needs for it. */
export interface Guarding {
  guard?: Type<CanActivate>;
  modules?: DynamicModule[];
  providers?: Type[];
  middleware?: RequestHandler;
}

/** Where those who look a session up by themselves expect it. */
export function sessionKey(sessionId: string): string {
  return `session:${sessionId}`;
}

const CHECKS = { ...NAMES, algorithms: ['HS256' as const] };

export function guarding({ kind, redis, secret }: Settings): Guarding {
  switch (kind) {
    case 'none':
      return {};
    case 'local':
    case 'remote':
      return {
        guard: JwtAuthGuard,
        modules: [RedisAuthModule.forRoot({ redis, jwt: { secret, ...NAMES }, sessions: { revocation: kind }, audit: 'off' })],
      };
    case 'passport-text':
      return withPassport(secret, undefined);
    case 'passport-text-redis':
      return withPassport(secret, new Redis(redis));
    case 'passport-key':
      return withPassport(createSecretKey(secret, 'utf8'), undefined);
    case 'by-hand':
      return { guard: byHand(createSecretKey(secret, 'utf8'), new Redis(redis)) };
    case 'express-session':
      return withExpressSession(secret, new Redis(redis));
  }
}

interface Claims {
  sub: string;
  sid: string;
}

function withPassport(key: string | KeyObject, redis: Redis | undefined): Guarding {
  @Injectable()
  class JwtStrategy extends PassportStrategy(Strategy) {
    constructor() {
      // its types know texts only, and it passes on whatever it is given
      super({ ...CHECKS, jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: key as string });
    }

    validate(claims: Claims): unknown {
      return redis === undefined ? claims : storedSession(redis, claims.sid);
    }
  }
  return { guard: AuthGuard('jwt'), providers: [JwtStrategy] };
}

/** As a careful author writes it. */
function byHand(key: KeyObject, redis: Redis): Type<CanActivate> {
  @Injectable()
  class HandWrittenGuard implements CanActivate {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest<{ headers: { authorization?: string }; user?: unknown }>();
      const token = request.headers.authorization?.split(' ')[1] ?? '';
      const { sid } = jsonwebtoken.verify(token, key, CHECKS) as unknown as Claims;
      request.user = await storedSession(redis, sid);
      return true;
    }
  }
  return HandWrittenGuard;
}

async function storedSession(redis: Redis, sessionId: string): Promise<unknown> {
  const stored = await redis.get(sessionKey(sessionId));
  if (stored === null) throw new UnauthorizedException();
  return JSON.parse(stored) as unknown;
}

function withExpressSession(secret: string, client: Redis): Guarding {
  @Injectable()
  class SessionGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      const { session: found } = context.switchToHttp().getRequest<Request>();
      return 'userId' in found;
    }
  }
  return {
    guard: SessionGuard,
    middleware: session({ store: new RedisStore({ client }), secret, resave: false, saveUninitialized: false }),
  };
}
