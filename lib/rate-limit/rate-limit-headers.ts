import type { Decision } from './limit-calls.js';
import type { Policy, TrackedLimits } from './route-limits.js';

/** What one set of limits said to a request. */
export interface PolicyDecision {
  readonly policies: readonly Policy[];
  readonly decision: Decision;
}

/**
 * `RateLimit-Policy`, `RateLimit` and `Retry-After` (draft-ietf-httpapi-ratelimit-headers-10). Of a refusal `RateLimit`
 * tells those that refuse alone, so that `Retry-After` is never earlier than a `t`.
 */
export function rateLimitHeaders(limits: readonly TrackedLimits[], decisions: readonly PolicyDecision[]): Record<string, string> {
  const asked = decisions.flatMap(({ policies, decision }) =>
    decision.outcomes.map(({ index, outcome }) => ({ name: policies[index]!.name, ...outcome })),
  );
  const refusing = asked.filter(({ retryMs }) => retryMs > 0);
  const told = refusing.length > 0 ? refusing : asked;
  return {
    'RateLimit-Policy': limits.flatMap(({ policies }) => policies.map(policyItem)).join(', '),
    RateLimit: told
      .map(({ name, remaining, retryMs, resetMs }) => `"${name}";r=${integer(remaining)};t=${seconds(retryMs > 0 ? retryMs : resetMs)}`)
      .join(', '),
    ...(refusing.length > 0 && { 'Retry-After': String(seconds(Math.max(...refusing.map(({ retryMs }) => retryMs)))) }),
  };
}

function policyItem({ name, limit, windowSeconds }: Policy): string {
  return `"${name}";q=${integer(limit)};w=${windowSeconds}`;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** Integers of structured fields have at most 15 digits (RFC 9651). */
function integer(value: number): number {
  return Math.min(value, 999_999_999_999_999);
}
