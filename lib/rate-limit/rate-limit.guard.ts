import { type CanActivate, type ExecutionContext, Inject, Injectable, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { DEFAULT_INSTANCE, instanceToken } from '../options/index.js';
import { keyOf, type LimitedRequest, type LimitedResponse } from './limited-request.js';
import { RateLimitException } from './rate-limit.exception.js';
import { type PolicyDecision, rateLimitHeaders } from './rate-limit-headers.js';
import type { RateLimiter } from './rate-limiter.js';
import { limitsOf, type TrackedLimits } from './route-limits.js';

/** Requests that were counted, by the limiter that did. Nest makes a guard anew for each module that binds it. */
const counted = new WeakMap<object, Map<RateLimiter, Promise<void>>>();

/**
 * Holds requests to the limits that `@RateLimit` sets on their route; others pass. A request is counted once, however
 * often the guard is bound, and whatever becomes of it afterwards.
 *
 * For `@UseGuards(RateLimitGuard)` or, for the whole application, `{ provide: APP_GUARD, useClass: RateLimitGuard }`; a
 * limit by user needs the guard that finds the user before it. Express and Fastify. Answers tell `RateLimit-Policy` and
 * `RateLimit`; over a limit it is 429 with `Retry-After` and a problem as JSON. Addresses in `rateLimit.allow` are not
 * limited. While Redis cannot be asked each instance keeps a part of the limits by itself. A limited handler of another
 * transport than HTTP is refused, since there is nobody to count it for.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    @Inject(instanceToken('rateLimit')) private readonly limiter: RateLimiter,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const limits = limitsOf(this.reflector, context);
    if (limits.length === 0) return true;
    if (context.getType() !== 'http') return false;
    const request = context.switchToHttp().getRequest<LimitedRequest>();
    if (this.limiter.addresses.isAllowed(request.ip)) return true;
    await this.once(request, () => this.count(context, limits));
    return true;
  }

  private once(request: object, count: () => Promise<void>): Promise<void> {
    let ofRequest = counted.get(request);
    if (ofRequest === undefined) counted.set(request, (ofRequest = new Map<RateLimiter, Promise<void>>()));
    let done = ofRequest.get(this.limiter);
    if (done === undefined) ofRequest.set(this.limiter, (done = count()));
    return done;
  }

  private async count(context: ExecutionContext, limits: readonly TrackedLimits[]): Promise<void> {
    const decisions: PolicyDecision[] = [];
    const response = context.switchToHttp().getResponse<LimitedResponse>();
    for (const tracked of limits) {
      const decision = await this.limiter.decide(await keyOf(context, tracked, this.limiter.addresses), tracked.rules);
      decisions.push({ policies: tracked.policies, decision });
      if (!decision.result.allowed) break;
    }
    for (const [name, value] of Object.entries(rateLimitHeaders(limits, decisions))) response.header(name, value);
    const { policies, decision } = decisions.at(-1)!;
    if (decision.result.allowed) return;
    response.header('Content-Type', 'application/problem+json; charset=utf-8');
    const violated = decision.outcomes.filter(({ outcome }) => outcome.retryMs > 0).map(({ index }) => policies[index]!.name);
    throw new RateLimitException(decision.result, violated);
  }
}

const guards = new Map<string, Type<RateLimitGuard>>([[DEFAULT_INSTANCE, RateLimitGuard]]);

/** The guard of a named registration, for `@UseGuards(RateLimitGuardFor('admin'))`. The same class for the same name. */
export function RateLimitGuardFor(instance: string): Type<RateLimitGuard> {
  const known = guards.get(instance);
  if (known !== undefined) return known;

  @Injectable()
  class InstanceRateLimitGuard extends RateLimitGuard {
    constructor(@Inject(instanceToken('rateLimit', instance)) limiter: RateLimiter, @Inject(Reflector) reflector: Reflector) {
      super(limiter, reflector);
    }
  }
  Object.defineProperty(InstanceRateLimitGuard, 'name', { value: `RateLimitGuard(${instance})` });
  guards.set(instance, InstanceRateLimitGuard);
  return InstanceRateLimitGuard;
}
