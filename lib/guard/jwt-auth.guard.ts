import { type CanActivate, type ExecutionContext, Inject, Injectable, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { RedisAuthError } from '../errors/index.js';
import { DEFAULT_INSTANCE, instanceToken, type VerifiedSession } from '../options/index.js';
import { AuthHttpException, insufficientScope, reauthenticationRequired, unauthorized } from './auth-http-exception.js';
import { answerTo } from './error-answers.js';
import { type HttpRequest, requestOf } from './http-request.js';
import { type HttpResponse, setHeaders } from './http-response.js';
import type { RequestAuthenticator } from './request-authenticator.js';
import { policyOf, type RoutePolicy } from './route-policy.js';

/**
 * Lets a request in whose access token is genuine and whose session lives, and puts its user into `request.user`.
 *
 * For `@UseGuards(JwtAuthGuard)` or, for the whole application, `{ provide: APP_GUARD, useClass: JwtAuthGuard }`;
 * then `@Public()` opens single routes. Express and Fastify. Refusals are 401 or 403 with `{ statusCode, message,
 * error, reason }` and `WWW-Authenticate` (RFC 6750, RFC 9470); Redis being down is 503 with `Retry-After`, never 401.
 * One round trip to Redis. Transports that carry no HTTP request are refused.
 */
@Injectable()
export class JwtAuthGuard implements CanActivate {
  constructor(
    @Inject(instanceToken('guard')) private readonly authenticator: RequestAuthenticator,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  /**
   * Name of the passport strategy for `AuthGuard(guard.strategyName)`, unique in the process. It authenticates
   * only: `@Public()`, `@OptionalAuth()`, `@Scopes()` and `@RequireFresh()` are this guard's, and so is the body of a refusal.
   */
  get strategyName(): string {
    return this.authenticator.strategyName;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = policyOf(this.reflector, context);
    if (policy.access === 'public') return true;
    const request = requestOf(context);
    if (request === undefined) return false;
    try {
      await this.admit(request, policy);
      return true;
    } catch (error) {
      const answer = error instanceof RedisAuthError ? answerTo(error) : error;
      // Set here, so that they are there whatever filter the application answers with.
      if (answer instanceof AuthHttpException) setHeaders(context.switchToHttp().getResponse<HttpResponse>(), answer.headers);
      throw answer ?? error;
    }
  }

  private async admit(request: HttpRequest, policy: RoutePolicy): Promise<void> {
    const authentication = await this.authenticator.authenticate(request, policy);
    if (authentication === null && policy.access === 'required') throw unauthorized('missing');
    if (authentication !== null) assertMeets(authentication.session, policy);
    request.user = authentication?.user;
  }
}

function assertMeets(session: VerifiedSession, { scopes, maxAuthAgeMs }: RoutePolicy): void {
  if (!scopes.every((scope) => session.scopes.includes(scope))) throw insufficientScope(scopes);
  if (maxAuthAgeMs !== undefined && Date.now() - session.authTime.getTime() > maxAuthAgeMs) throw reauthenticationRequired(maxAuthAgeMs);
}

const guards = new Map<string, Type<JwtAuthGuard>>([[DEFAULT_INSTANCE, JwtAuthGuard]]);

/** The guard of a named registration, for `@UseGuards(JwtAuthGuardFor('admin'))`. The same class for the same name. */
export function JwtAuthGuardFor(instance: string): Type<JwtAuthGuard> {
  const known = guards.get(instance);
  if (known !== undefined) return known;

  @Injectable()
  class InstanceJwtAuthGuard extends JwtAuthGuard {
    constructor(@Inject(instanceToken('guard', instance)) authenticator: RequestAuthenticator, @Inject(Reflector) reflector: Reflector) {
      super(authenticator, reflector);
    }
  }
  Object.defineProperty(InstanceJwtAuthGuard, 'name', { value: `JwtAuthGuard(${instance})` });
  guards.set(instance, InstanceJwtAuthGuard);
  return InstanceJwtAuthGuard;
}
