import type { ExecutionContext } from '@nestjs/common';

/** What the decorators of a handler and its class ask for. */
export interface RoutePolicy {
  readonly access: RouteAccess;
  /** All of them. */
  readonly scopes: readonly string[];
  readonly maxAuthAgeMs: number | undefined;
  readonly data: boolean;
  /** The handler's answer is a stream of events. */
  readonly stream: boolean;
}

export type RouteAccess = 'public' | 'optional' | 'required';

export const ACCESS = 'nestjs-redis-auth:access';
export const SCOPES = 'nestjs-redis-auth:scopes';
export const MAX_AUTH_AGE = 'nestjs-redis-auth:max-auth-age';
export const SESSION_DATA = 'nestjs-redis-auth:session-data';
/** What @Sse() of @nestjs/common leaves on a handler. */
const SSE = '__sse__';

type Handler = ReturnType<ExecutionContext['getHandler']>;
type Controller = ReturnType<ExecutionContext['getClass']>;

// Reading the metadata takes longer than all else that a guard does for a known session.
const policies = new WeakMap<Handler, WeakMap<Controller, RoutePolicy>>();

/** A handler's own word wins over its class's; scopes of both are required. Read once for each handler and class. */
export function policyOf(context: ExecutionContext): RoutePolicy {
  const [handler, controller] = [context.getHandler(), context.getClass()];
  return policies.get(handler)?.get(controller) ?? remembered(handler, controller);
}

function remembered(handler: Handler, controller: Controller): RoutePolicy {
  const policy = readPolicy(handler, controller);
  const ofHandler = policies.get(handler) ?? new WeakMap<Controller, RoutePolicy>();
  policies.set(handler, ofHandler.set(controller, policy));
  return policy;
}

function readPolicy(handler: Handler, controller: Controller): RoutePolicy {
  const scopesOf = (level: object): readonly string[] => read<string[]>(SCOPES, level) ?? [];
  return {
    access: accessOf([handler, controller]),
    scopes: [...new Set([...scopesOf(controller), ...scopesOf(handler)])],
    maxAuthAgeMs: read<number>(MAX_AUTH_AGE, handler) ?? read<number>(MAX_AUTH_AGE, controller),
    data: read<boolean>(SESSION_DATA, handler) === true,
    stream: read<boolean>(SSE, handler) === true,
  };
}

/** What is demanded of a session is not undone by @Public() or @OptionalAuth() beside or above it. */
function accessOf(innermostFirst: readonly object[]): RouteAccess {
  for (const level of innermostFirst) {
    if ([SCOPES, MAX_AUTH_AGE].some((demand) => read(demand, level) !== undefined)) return 'required';
    const access = read<RouteAccess>(ACCESS, level);
    if (access !== undefined) return access;
  }
  return 'required';
}

function read<T>(key: string, level: object): T | undefined {
  return Reflect.getMetadata(key, level) as T | undefined;
}
