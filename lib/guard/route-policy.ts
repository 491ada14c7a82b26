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
  const ownScopes = reflector.get<string[] | undefined>(SCOPES, handler);
  const ownMaxAge = reflector.get<number | undefined>(MAX_AUTH_AGE, handler);
  const demands = ownScopes !== undefined || ownMaxAge !== undefined;
  return {
    // What a handler demands of a session is not undone by @Public() on its class, nor by one beside it.
    access: demands ? 'required' : (reflector.getAllAndOverride<RouteAccess | undefined>(ACCESS, [handler, controller]) ?? 'required'),
    scopes: [...new Set([...(reflector.get<string[] | undefined>(SCOPES, controller) ?? []), ...(ownScopes ?? [])])],
    maxAuthAgeMs: ownMaxAge ?? reflector.get<number | undefined>(MAX_AUTH_AGE, controller),
    data: reflector.get<boolean | undefined>(SESSION_DATA, handler) === true,
  };
}
