import { createParamDecorator, type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import { type Duration, isScope, parseDuration } from '../options/index.js';
import { placeOf } from './carrier-of.js';
import { type Identity, identityIn } from './identity.js';
import { ACCESS, MAX_AUTH_AGE, policyOf, type RouteAccess, SCOPES, SESSION_DATA } from './route-policy.js';

/**
 * Lets everyone in: the guard does not look for a credential. On a handler or a controller; `@Scopes` or
 * `@RequireFresh` beside it outweighs it, and so does one on a handler below it.
 */
export const Public = (): CustomDecorator => SetMetadata<string, RouteAccess>(ACCESS, 'public');

/**
 * Without a credential the user is undefined; a bad one is still a 401, and Redis being down a 503. Outweighed
 * as {@link Public} is.
 */
export const OptionalAuth = (): CustomDecorator => SetMetadata<string, RouteAccess>(ACCESS, 'optional');

/**
 * The session must have all of these scopes, those of the controller and of every other `@Scopes` included; else 403 `insufficient_scope`
 * (RFC 6750, section 3.1).
 *
 * @throws InvalidArgumentError where it stands, for a name that is no scope (RFC 6749, section 3.3)
 */
export function Scopes(...scopes: [string, ...string[]]): ClassDecorator & MethodDecorator {
  for (const scope of scopes) {
    if (isScope(scope)) continue;
    throw new InvalidArgumentError('scopes', 'must be visible ASCII characters without space, quote or backslash');
  }
  return (target: object, _key?: unknown, descriptor?: { value?: unknown }): void => {
    const place = (descriptor?.value ?? target) as object;
    // Added to those of another @Scopes() on the same place: metadata alone would be overwritten.
    const others = (Reflect.getMetadata(SCOPES, place) as string[] | undefined) ?? [];
    Reflect.defineMetadata(SCOPES, [...scopes, ...others], place);
  };
}

/**
 * The user must have authenticated within this time, by `auth_time` and this process's clock; else 401
 * `reauthentication_required` (RFC 9470). `SessionService.reauthenticated` makes a session fresh again.
 *
 * @param maxAge at least a second; a number is seconds
 * @throws InvalidArgumentError where it stands, for a wrong duration
 */
export function RequireFresh(maxAge: Duration): CustomDecorator {
  const maxAgeMs = parseDuration(maxAge);
  if (maxAgeMs === undefined || maxAgeMs < 1000) {
    throw new InvalidArgumentError('maxAge', "must be a duration of at least a second: a number of seconds, or text such as '5m'");
  }
  return SetMetadata(MAX_AUTH_AGE, maxAgeMs);
}

const requestUser = createParamDecorator((property: string | undefined, context: ExecutionContext): unknown => {
  // Over HTTP `request.user` is the word of whatever guard or middleware came last; elsewhere handlers share the place.
  const user = context.getType() === 'http' ? placeOf(context)?.user : identityOf(context)?.user;
  return property === undefined ? user : (user as Record<string, unknown> | null | undefined)?.[property];
});

/** `request.user`, or one property of it: the VerifiedSession, or what `guard.userLoader` made of it. Undefined for an anonymous request. */
export const CurrentUser = (property?: string): ParameterDecorator => requestUser(property);

const requestSession = createParamDecorator((_: undefined, context: ExecutionContext): unknown => identityOf(context)?.session);

/** A socket and a GraphQL operation serve several handlers: what the guard found out for another is not told to a public one. */
function identityOf(context: ExecutionContext): Identity | undefined {
  const { access, data } = policyOf(context);
  const place = access === 'public' ? undefined : placeOf(context);
  return place && identityIn(place, data);
}

/**
 * The VerifiedSession of the request, whatever `guard.userLoader` made of it; undefined for an anonymous one.
 * With `data` the guard reads the session's private data in the same round trip as it verifies.
 */
export function CurrentSession(options: { data?: boolean } = {}): ParameterDecorator {
  return (target, property, index) => {
    // The guard runs before any parameter is made, and knows the handler alone.
    if (options.data === true && property !== undefined) {
      Reflect.defineMetadata(SESSION_DATA, true, (target as Record<string | symbol, object>)[property]!);
    }
    requestSession()(target, property, index);
  };
}
