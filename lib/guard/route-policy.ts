import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';

/** What the decorators of a handler and its class ask for. */
export interface RoutePolicy {
  readonly access: RouteAccess;
  /** All of them. */
  readonly scopes: readonly string[];
  readonly maxAuthAgeMs: number | undefined;
  readonly data: boolean;
}

export type RouteAccess = 'public' | 'optional' | 'required';

export const ACCESS = 'nestjs-redis-auth:access';
export const SCOPES = 'nestjs-redis-auth:scopes';
export const MAX_AUTH_AGE = 'nestjs-redis-auth:max-auth-age';
export const SESSION_DATA = 'nestjs-redis-auth:session-data';

/** A handler's own word wins over its class's; scopes of both are required. */
export function policyOf(reflector: Reflector, context: ExecutionContext): RoutePolicy {
  const [handler, controller] = [context.getHandler(), context.getClass()];
  const scopesOf = (level: Level): readonly string[] => reflector.get<string[] | undefined>(SCOPES, level) ?? [];
  return {
    access: accessOf(reflector, [handler, controller]),
    scopes: [...new Set([...scopesOf(controller), ...scopesOf(handler)])],
    maxAuthAgeMs: reflector.getAllAndOverride<number | undefined>(MAX_AUTH_AGE, [handler, controller]),
    data: reflector.get<boolean | undefined>(SESSION_DATA, handler) === true,
  };
}

/** A handler or its class. */
type Level = Parameters<Reflector['get']>[1];

/** What is demanded of a session is not undone by @Public() or @OptionalAuth() beside or above it. */
function accessOf(reflector: Reflector, innermostFirst: readonly Level[]): RouteAccess {
  for (const level of innermostFirst) {
    if ([SCOPES, MAX_AUTH_AGE].some((demand) => reflector.get<unknown>(demand, level) !== undefined)) return 'required';
    const access = reflector.get<RouteAccess | undefined>(ACCESS, level);
    if (access !== undefined) return access;
  }
  return 'required';
}
