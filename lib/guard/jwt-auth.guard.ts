import { type CanActivate, type ExecutionContext, Inject, Injectable, type Type } from '@nestjs/common';
import { DEFAULT_INSTANCE, instanceToken, type VerifiedSession } from '../options/index.js';
import { insufficientScope, reauthenticationRequired, unauthorized } from './auth-http-exception.js';
import type { Carrier } from './carrier.js';
import { carrierOf } from './carrier-of.js';
import { keepIdentity } from './identity.js';
import { refusalOf } from './refusal.js';
import type { Authentication, RequestAuthenticator } from './request-authenticator.js';
import { policyOf, type RoutePolicy } from './route-policy.js';

/**
 * Lets a request in whose access token is genuine and whose session lives, and puts its user into `request.user`.
 *
 * For `@UseGuards(JwtAuthGuard)` or, for the whole application, `{ provide: APP_GUARD, useClass: JwtAuthGuard }`;
 * then `@Public()` opens single routes. Express and Fastify, GraphQL, gateways on socket.io and ws, microservices.
 * Refusals are 401 or 403 with `{ statusCode, message, error, reason }` and `WWW-Authenticate` (RFC 6750, RFC 9470);
 * a gateway's client gets that body as `exception`, a microservice's as its error. Redis being down is 503 with
 * `Retry-After`, never 401. What stays open once it is let in (a socket, a subscription, an `@Sse()` response) is
 * closed when its session ends or its token expires.
 *
 * A session that this instance knows to be in force is let in at once, without a promise; else one round trip to Redis.
 */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(@Inject(instanceToken('guard')) private readonly authenticator: RequestAuthenticator) {}

  /**
   * Name of the passport strategy for `AuthGuard(guard.strategyName)`, unique in the process. It authenticates
   * only: `@Public()`, `@OptionalAuth()`, `@Scopes()` and `@RequireFresh()` are this guard's, and so is the body of a refusal.
   */
  get strategyName(): string {
    return this.authenticator.strategyName;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = policyOf(context);
    if (policy.access === 'public') return true;
    const carrier = carrierOf(context, policy);
    if (carrier === undefined) return false;
    return this.admitsAtOnce(carrier, policy) || this.ask(context, carrier, policy);
  }

  private admitsAtOnce(carrier: Carrier, policy: RoutePolicy): boolean {
    const known = this.authenticator.recall(carrier, policy.data);
    if (known === undefined || refusalBy(policy, known.session) !== undefined) return false;
    try {
      this.authenticator.admit(carrier, known, policy.data);
      return true;
    } catch {
      // Its token has expired in this instant: asked again, it is refused as such.
      return false;
    }
  }

  private async ask(context: ExecutionContext, carrier: Carrier, policy: RoutePolicy): Promise<boolean> {
    try {
      this.admit(carrier, policy, await this.authenticator.authenticate(carrier, policy.data));
      return true;
    } catch (error) {
      throw await refusalOf(error, context, carrier.response);
    }
  }

  private admit(carrier: Carrier, policy: RoutePolicy, authentication: Authentication | null): void {
    if (authentication !== null) {
      const refusal = refusalBy(policy, authentication.session);
      if (refusal !== undefined) throw refusal;
      this.authenticator.admit(carrier, authentication, policy.data);
    } else {
      if (policy.access === 'required') throw unauthorized('missing');
      keepIdentity(carrier.place, undefined, policy.data);
      carrier.place.user = undefined;
    }
  }
}

function refusalBy({ scopes, maxAuthAgeMs }: RoutePolicy, session: VerifiedSession): Error | undefined {
  for (const scope of scopes) if (!session.scopes.includes(scope)) return insufficientScope(scopes);
  if (maxAuthAgeMs !== undefined && Date.now() - session.authTime.getTime() > maxAuthAgeMs) return reauthenticationRequired(maxAuthAgeMs);
  return undefined;
}

const guards = new Map<string, Type<JwtAuthGuard>>([[DEFAULT_INSTANCE, JwtAuthGuard]]);

/** The guard of a named registration, for `@UseGuards(JwtAuthGuardFor('admin'))`. The same class for the same name. */
export function JwtAuthGuardFor(instance: string): Type<JwtAuthGuard> {
  const known = guards.get(instance);
  if (known !== undefined) return known;

  @Injectable()
  class InstanceJwtAuthGuard extends JwtAuthGuard {
    constructor(@Inject(instanceToken('guard', instance)) authenticator: RequestAuthenticator) {
      super(authenticator);
    }
  }
  Object.defineProperty(InstanceJwtAuthGuard, 'name', { value: `JwtAuthGuard(${instance})` });
  guards.set(instance, InstanceJwtAuthGuard);
  return InstanceJwtAuthGuard;
}
