import { type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { InvalidArgumentError } from '../errors/index.js';
import { checkLimit, checkLimits, type CheckedLimit } from './checked-limits.js';
import type { RateLimitRule } from './rate-limit-types.js';

/**
 * Whom a request is counted for: any text, at most about 1 kB of it; null or undefined for the address. What a client
 * can choose freely, as a header that nobody has checked, is no good: each new value begins a new limit.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- each platform has a request type of its own, and a function of any of them fits
export type RateLimitTracker = (request: any, context: ExecutionContext) => string | null | undefined | Promise<string | null | undefined>;

/** What {@link RateLimit} takes. */
export interface RouteLimit extends RateLimitRule {
  /**
   * What is counted by:
   *
   * - `ip`: the address, as the platform tells it (`request.ip`): `X-Forwarded-For` counts only where the application trusts
   *   its proxy (Express `trust proxy`, Fastify `trustProxy`). IPv6 by its network (`rateLimit.ipv6Prefix`).
   * - `user`: the user that a guard before this one put into `request.user`: its `userId` (with `tenant`), else `id` or
   *   `sub`; the address for an anonymous request.
   * - `client`: the OAuth client: `request.auth.clientId`, or `clientId` or `client_id` of `request.user` or of its
   *   `claims`; the address where there is none.
   *
   * @default 'ip'
   */
  by?: 'ip' | 'user' | 'client' | RateLimitTracker;
  /** Its name in the headers and in the body of a refusal: visible ASCII. @default 'default', with several limits as `100-per-60s` */
  name?: string;
}

/** Limits of a route that are counted by the same. */
export interface TrackedLimits {
  readonly by: NonNullable<RouteLimit['by']>;
  /** Stands for it in keys. */
  readonly label: string;
  readonly rules: readonly RateLimitRule[];
  readonly policies: readonly Policy[];
}

/** As told to clients. */
export interface Policy {
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
}

const LIMITS = 'nestjs-redis-auth:rate-limits';
const NAME = /^[\x21\x23-\x5b\x5d-\x7e][\x20\x21\x23-\x5b\x5d-\x7e]{0,63}$/;

/**
 * Limits how often a route is called; {@link RateLimitGuard} holds to it. On a handler, or on a controller for each of its
 * handlers by itself; a handler's own outweighs its controller's. Several limits that are counted by the same are used all
 * or none, in one round trip; those counted by something else follow, in their order, once those before allowed it.
 *
 * @throws InvalidArgumentError where it stands, for what is no limit
 */
export function RateLimit(limits: RouteLimit | readonly RouteLimit[]): CustomDecorator {
  const all = Array.isArray(limits) ? (limits as readonly RouteLimit[]) : [limits as RouteLimit];
  const named = all.map((limit) => ({ limit, policy: policyOf(limit, checkLimit('limits', limit), all.length === 1) }));
  if (named.length === 0) throw new InvalidArgumentError('limits', 'must be at least one limit');
  if (new Set(named.map(({ policy }) => policy.name)).size < named.length) {
    throw new InvalidArgumentError('limits', 'must have names of their own');
  }
  const tracked: TrackedLimits[] = [];
  for (const by of new Set(all.map(trackerOf))) {
    const label = typeof by === 'function' ? `by${tracked.length}` : by;
    const own = named.filter(({ limit }) => trackerOf(limit) === by);
    const rules = own.map(({ limit }) => limit);
    checkLimits(rules);
    tracked.push({ by, label, rules, policies: own.map(({ policy }) => policy) });
  }
  return SetMetadata<string, readonly TrackedLimits[]>(LIMITS, tracked);
}

export function limitsOf(reflector: Reflector, context: ExecutionContext): readonly TrackedLimits[] {
  return reflector.getAllAndOverride<readonly TrackedLimits[] | undefined>(LIMITS, [context.getHandler(), context.getClass()]) ?? [];
}

function trackerOf({ by = 'ip' }: RouteLimit): TrackedLimits['by'] {
  if (typeof by === 'function' || by === 'ip' || by === 'user' || by === 'client') return by;
  throw new InvalidArgumentError('by', "must be 'ip', 'user', 'client' or a function");
}

function policyOf(rule: RouteLimit, { limit, windowMs }: CheckedLimit, isOnly: boolean): Policy {
  const windowSeconds = Math.max(1, Math.ceil(windowMs / 1000));
  const name: unknown = rule.name ?? (isOnly ? 'default' : `${limit}-per-${windowMs / 1000}s`);
  if (typeof name !== 'string' || !NAME.test(name))
    throw new InvalidArgumentError('name', 'must be 1 to 64 visible ASCII characters without quote and backslash');
  return { name, limit, windowSeconds };
}
